/** The main deed of each page of the console, done by role and name; a story begins where the one before has ended. */
import type { Browser, Page } from 'playwright-core';
import { until, type MonscaleProcess } from '../program';
import type { WebhookSink } from '../stand-ins/webhook-sink';
import { hasBrowser, signIn, Window } from './browser';
import { linesOf, wear } from './check';
import { beginScene, type Scene } from './scene';
import { ended, HEADER, PASSWORD } from './things';

(hasBrowser() ? describe : describe.skip)('each page does what it is for', () => {
  let scene: Scene;
  let program: MonscaleProcess;
  let browser: Browser;
  let page: Page;
  let sink: WebhookSink;
  let url: string;
  beforeAll(async () => {
    scene = await beginScene();
    ({ program, browser, page, sink, sinkUrl: url } = scene);
    await wear(page, 'light');
  }, 180_000);
  afterAll(() => scene?.end());

  const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const save = () => button('Save').click();

  it('makes an action, says what is wrong at its field, shows what it would send, and keeps its secret', async () => {
    await page.goto('/actions');
    await page.getByRole('link', { name: 'New action' }).click();
    await heading('New action').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('tell-ops');
    await page.getByLabel('Type', { exact: true }).selectOption({ label: 'Webhook' });
    await save();
    const address = page.getByLabel('URL', { exact: true });
    await until(async () => (await address.getAttribute('aria-invalid')) === 'true', 10_000);
    await address.fill(`${url}/ops`);
    await page.getByLabel('Timeout', { exact: true }).fill('a minute');
    await save();
    const timeout = page.getByLabel('Timeout', { exact: true });
    await until(() => timeout.evaluate((input) => input === input.ownerDocument.activeElement), 10_000);
    await timeout.fill('7');
    await save();
    await heading('tell-ops').waitFor();
    await button('Show the request').click();
    await page.getByLabel('Request', { exact: true }).getByText('/ops').waitFor();
    expect(sink.requests.filter(({ path }) => path === '/ops')).toEqual([]);
    await button('Send it').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Send it' }).click();
    await page.getByText('It succeeded').waitFor();
    expect(sink.requests.filter(({ path }) => path === '/ops')).toHaveLength(1);

    await page.goto('/actions/broken/edit');
    await page.getByLabel('Description').fill('tried');
    await save();
    await heading('broken').waitFor();
    await page.getByText('kept, and never shown').waitFor();
    expect(await page.content()).not.toContain(HEADER);
    await button('Delete').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByText('failing').waitFor();
    expect((await program.api.get('/actions/broken')).status).toBe(200);
  }, 90_000);

  it('makes a contact, shows when it is told and what became of each thing, and goes to it by its name', async () => {
    await page.goto('/contacts');
    await page.getByRole('link', { name: 'New contact' }).click();
    await heading('New contact').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('web team');
    await page.getByLabel('Action', { exact: true }).selectOption('tell-ops');
    for (const event of ['Approvals', 'Failures', 'Unknown ends', 'Blind services'])
      await page.getByRole('checkbox', { name: event }).uncheck();
    await save();
    const events = page.getByRole('group', { name: 'What it is told of' });
    await until(() => events.evaluate((group) => group === group.ownerDocument.activeElement), 10_000);
    await events.getByText('must be a list of at least one of').waitFor();
    await page.getByRole('checkbox', { name: 'Approvals' }).check();
    await button('Only at certain times').click();
    const rule = page.getByLabel('Rrule');
    await rule.fill('FREQ=DAILY;COUNT=3');
    await save();
    await until(async () => (await rule.getAttribute('aria-invalid')) === 'true', 10_000);
    await page.getByText('Its next windows stand here once').waitFor();
    await rule.fill('FREQ=DAILY;BYHOUR=0;BYMINUTE=0');
    await page.getByLabel('Duration').fill('86400');
    const windows = page.getByRole('region', { name: 'When it is told' });
    await windows.getByText('It is told now.').waitFor();
    expect(await windows.getByRole('listitem').count()).toBe(10);
    await save();
    await heading('web team').waitFor();
    // `growing` waits for approval, and that is told at once.
    await page.getByRole('row', { name: /growing.* Approvals .*Told/ }).waitFor({ timeout: 30_000 });
    await until(() => sink.requests.filter(({ path }) => path === '/ops').length === 2, 30_000);
    await page.getByRole('link', { name: 'The message' }).first().click();
    await heading('Execution of tell-ops').waitFor();
    await page.getByRole('link', { name: 'web team' }).click();
    await heading('web team').waitFor();
    await page.getByLabel('Status').selectOption({ label: 'Left out' });
    await page.getByText('No notices fit').waitFor();

    await page.goto('/');
    await heading('Overview').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.type('web te');
    await page.getByRole('option', { name: 'web team Contact' }).waitFor();
    await page.keyboard.press('Enter');
    await heading('web team').waitFor();
    await page.getByRole('link', { name: 'Edit' }).click();
    const most = page.getByLabel('Messages an hour');
    await most.fill('many');
    await save();
    await until(() => most.evaluate((input) => input === input.ownerDocument.activeElement), 10_000);
    expect(await most.getAttribute('aria-invalid')).toBe('true');
    await most.fill('5');
    await save();
    await page.getByText('at most 5 an hour, 1 min apart').waitFor();
    await page.goto('/actions/tell-ops');
    await page.getByRole('listitem').getByText('web team').click();
    await button('Delete').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await heading('Contacts').waitFor();
    await page.getByRole('link', { name: 'on call', exact: true }).waitFor();
    expect((await program.api.get('/contacts/web%20team')).status).toBe(404);
  }, 120_000);

  it('keeps short words whole: what waits for you on a telephone, a mode on a desk', async () => {
    await page.goto('/');
    const row = page.getByRole('row', { name: /^watched/ });
    await row.waitFor();
    expect(await linesOf(row.getByText('shadow', { exact: true }))).toBe(1);
    await wear(page, 'dark');
    const waits = page.getByRole('link', { name: '1 waits for you' });
    await waits.waitFor();
    expect((await waits.boundingBox())!.height).toBeLessThan(32);
    const { x, width } = (await button('Time zone').boundingBox())!;
    expect(x + width).toBeLessThanOrEqual(360);
    await wear(page, 'light');
  }, 60_000);

  it('approves once, however often it is tapped, and shows before what will be sent and why', async () => {
    await wear(page, 'dark');
    await page.goto('/approvals');
    const card = page.getByRole('article', { name: 'Add 1 node' });
    await card.getByText('load is 9, over 5').waitFor();
    await card.getByLabel('What will be sent').getByText('to 3').waitFor();
    await card.getByLabel('Nodes: now 2, then 3').waitFor();
    await card.getByText(/Goes in .* until \d{4}-\d\d-\d\d/).waitFor();
    expect(await page.content()).not.toContain(HEADER);
    await card.getByLabel('Note').fill('as agreed');
    await card.getByRole('button', { name: 'Approve' }).dblclick();
    await card.waitFor({ state: 'detached' });
    const { id } = await until(() => ended(program, 'grow', 'succeeded'), 20_000);
    expect(sink.requests.filter(({ path }) => path === '/grow').map(({ body }) => body)).toEqual(['to 3']);
    await wear(page, 'light');
    await page.goto(`/executions/${id}`);
    await page.getByText('approved by anna: as agreed').waitFor();
  }, 60_000);

  it('retries all that failed, and the count of the dialog is the count done', async () => {
    await page.goto('/executions');
    await page.getByLabel('Status').selectOption({ label: 'Failed' });
    await page.waitForURL('**/executions?status=failed');
    await page.getByRole('link', { name: 'broken' }).waitFor();
    // What was seen stays until the next answer is there.
    await page.getByRole('link', { name: 'unsure' }).waitFor({ state: 'detached' });
    await button('Retry all').click();
    const dialog = page.getByRole('dialog', { name: 'Retry all 1' });
    await dialog.getByRole('button', { name: 'Retry all' }).click();
    await page.getByRole('dialog', { name: '1 retried' }).waitFor();
    await until(() => ended(program, 'broken', 'succeeded'), 20_000);
  }, 60_000);

  it('says what came of an execution that nobody knows the end of', async () => {
    await page.goto('/executions?status=unknown');
    await page.getByRole('link', { name: 'unsure' }).click();
    await heading('Execution of unsure').waitFor();
    await button('Resolve').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Resolve' }).click();
    const note = dialog.getByLabel('Note');
    await until(async () => (await note.getAttribute('aria-invalid')) === 'true', 10_000);
    await note.fill('seen in its log');
    await dialog.getByRole('button', { name: 'Resolve' }).click();
    await page.getByText('resolved as succeeded by anna: seen in its log').waitFor();
  }, 60_000);

  it('makes and changes an infrastructure', async () => {
    await page.goto('/infrastructures/new');
    await page.getByLabel('Name', { exact: true }).fill('shop');
    await page.getByLabel('Most nodes').fill('3');
    await page.getByLabel('Type', { exact: true }).selectOption({ label: 'Fixed number' });
    await page.getByLabel('Value', { exact: true }).fill('2');
    await save();
    await heading('shop').waitFor();
    await page.getByText('1 to 3').waitFor();
    await page.goto('/infrastructures/web');
    await page.getByRole('img', { name: /^Decisions over time/ }).waitFor();
  }, 60_000);

  it('shows and changes a thing that is called as the forms for new ones are', async () => {
    await program.api.create('/actions', { name: 'new', type: 'log_message', params: { message: 'x' } });
    await page.goto('/actions');
    await page.getByRole('link', { name: 'new', exact: true }).click();
    await heading('new').waitFor();
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    await page.getByLabel('Description').fill('called as its form is');
    await save();
    await heading('new').waitFor();
    await page.getByText('called as its form is').waitFor();
  }, 60_000);

  it('finds services by a label with whatever name and value', async () => {
    await program.api.create('/services', {
      name: 'odd labels',
      labels: { 'a=b': 'one, two "three" 🙂!' },
      metrics: { load: { type: 'alert', params: { match: { service: 'odd' } } } },
      condition: 'load > 5',
    });
    await page.goto('/services');
    await page.getByLabel('Label', { exact: true }).fill('"a\\=b=one\\, two ""three"" 🙂!"');
    await page.keyboard.press('Enter');
    await page.getByText('1 of 1 shown').waitFor();
    await page.reload();
    await page.getByText('1 of 1 shown').waitFor();
    await page.getByRole('link', { name: 'odd labels' }).waitFor();
  }, 60_000);

  it('makes a source, whose token is shown once, and shows what came of what is sent with it', async () => {
    await page.goto('/sources/new');
    await page.getByLabel('Name', { exact: true }).fill('script');
    await page.getByLabel('Format', { exact: true }).selectOption({ label: 'Native' });
    await save();
    const token = await page.getByLabel('Token of script', { exact: true }).textContent();
    await page.getByLabel('For a shell', { exact: true }).getByText(token!).waitFor();
    await page.getByRole('link', { name: 'Go to script' }).click();
    await page.getByText('Nothing has come yet').waitFor();
    expect(await page.content()).not.toContain(token);
    const sender = program.api.as(token!);
    expect((await sender.post('/alerts', { labels: { alertname: 'FromScript' } })).status).toBe(202);
    await page.getByText('Taken (202)').waitFor();
    await page.getByText('alertname=FromScript').waitFor();
    await page.goto('/alerts?source=script');
    await page.getByText('FromScript', { exact: true }).waitFor();
  }, 60_000);

  it('silences a service in two clicks, shows what it would do before, and ends it', async () => {
    // Why it is in alarm may be known later than that one wants to silence it.
    let answer = () => {};
    const isAsked = new Promise<void>((asked) => (answer = asked));
    await page.route('**/state', async (route) => {
      await isAsked;
      await route.continue();
    });
    await page.goto('/services/failing');
    await button('Silence').click();
    const dialog = page.getByRole('dialog', { name: 'Silence failing' });
    await dialog.getByLabel('Reason').waitFor();
    answer();
    await until(async () => (await dialog.getByLabel('Reason').inputValue()).includes('load is 9'), 10_000);
    await page.unrouteAll({ behavior: 'wait' });
    await dialog.getByText('It covers 1 service now').waitFor();
    await dialog.getByText('It would have muted 1 in the last 7 days').waitFor();
    await dialog.getByText('It mutes what is in alarm now: failing.').waitFor();
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    // It is looked at every second; on a machine that is busy what comes late is left out, many times over.
    await until(async () => (await program.api.get('/services/failing/state')).body.silence, 20_000);
    await page.getByText('Silenced by anna').waitFor();
    const { silence } = (await program.api.get('/services/failing/state')).body;
    expect(silence.reason).toContain('load is 9, over 5');
    expect(Date.parse(silence.until) - Date.now()).toBeGreaterThan(3_500_000);
    await page.goto('/silences');
    await page.getByRole('button', { name: /^End Alarm: load is 9/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
    await page.getByText('ended by anna').waitFor();
    await page.goto('/services/below');
    await page.getByText('reason: dependency').waitFor();
    await page.getByText('which stops it').waitFor();
  }, 90_000);

  it('silences a selection, and says first what that covers and that a reason is missing', async () => {
    await page.goto('/services?label=team%3Dshop');
    for (const name of ['shop-1', 'shop-3']) await page.getByLabel(`Select ${name}`).check();
    await button('Silence').click();
    const dialog = page.getByRole('dialog', { name: 'Silence 2 services' });
    await dialog.getByText('It covers 2 services now').waitFor();
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    const reason = dialog.getByLabel('Reason');
    await until(async () => (await reason.getAttribute('aria-invalid')) === 'true', 10_000);
    await reason.fill('Their rack is moved');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.goto('/silences');
    await page.getByRole('row', { name: /Their rack is moved services shop-1, shop-3/ }).waitFor();
    // Over midnight it stands at two days.
    await page.locator('.calendar').getByText('Their rack is moved').first().waitFor();
  }, 60_000);

  it('makes a silence that repeats, by labels, with its windows beside it', async () => {
    await page.goto('/silences/new?label=team%3Dshop');
    await page.getByText('It covers 3 services now').waitFor();
    await save();
    const reason = page.getByLabel('Reason', { exact: true });
    await until(async () => (await reason.getAttribute('aria-invalid')) === 'true', 10_000);
    await reason.fill('Stock is counted');
    await button('7 days').click();
    await button('Repeat within that time').click();
    await page.getByLabel('Rrule').fill('FREQ=HOURLY');
    await save();
    const rule = page.getByLabel('Rrule');
    await until(async () => (await rule.getAttribute('aria-invalid')) === 'true', 10_000);
    await rule.fill('FREQ=DAILY;BYHOUR=3;BYMINUTE=15');
    await page.getByLabel('Preview').getByRole('listitem').nth(8).waitFor();
    await save();
    await heading('Silences').waitFor();
    await page.getByRole('row', { name: /Stock is counted labels team=shop/ }).waitFor();
    expect(await page.locator('.calendar').getByText('Stock is counted').count()).toBeGreaterThan(5);
  }, 60_000);

  it('acknowledges an alarm on a telephone, once it is said what is known', async () => {
    await wear(page, 'dark');
    await page.goto('/services/guessing');
    await button('Acknowledge').click();
    const dialog = page.getByRole('dialog', { name: 'Acknowledge guessing' });
    await dialog.getByRole('button', { name: 'Acknowledge' }).click();
    const note = dialog.getByLabel('Note');
    await until(async () => (await note.getAttribute('aria-invalid')) === 'true', 10_000);
    await note.fill('the supplier knows');
    await dialog.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('Acknowledged by anna: the supplier knows').waitFor();
    await button('End acknowledgement').click();
    await button('Acknowledge').waitFor();
    await wear(page, 'light');
  }, 60_000);

  it('replays the rule as it is edited, while its threshold is typed and dragged', async () => {
    await page.goto('/services/failing/edit');
    const [saved, edited] = ['Saved', 'Edited'].map((name) =>
      page.getByRole('row', { name: new RegExp(`^${name}`) }),
    );
    await saved!.getByText(/^[1-9]\d* triggers?$/).waitFor();
    await page.getByLabel('Threshold of load').fill('20');
    await edited!.getByText('0 triggers').waitFor();
    await page.getByText(/^0 gained, [1-9]\d* lost\.$/).waitFor();
    const condition = page.getByLabel('Condition', { exact: true });
    expect(await condition.textContent()).toBe('load > 20');
    // The axis goes from a tenth below the readings, which are 9, to a tenth above the line.
    const box = (await page.locator('.u-over').first().boundingBox())!;
    const x = box.x + box.width / 2;
    const y = (value: number) => box.y + (box.height * (21.1 - value)) / 13.2;
    await page.mouse.move(x, y(20));
    await page.mouse.down();
    await page.mouse.move(x, y(8.2), { steps: 5 });
    await page.mouse.up();
    await until(async () => /^load > 8\.\d+$/.test((await condition.textContent())!), 10_000);
    await page.getByText('Both trigger at the same moments.').waitFor();
    await condition.fill('load > > 8');
    await page
      .getByText(/column \d+/)
      .first()
      .waitFor();
  }, 60_000);

  it('changes many services, tried before and told after, and keeps a view', async () => {
    await page.goto('/services?label=team%3Dshop');
    await page.getByLabel('Select shop-1').check();
    await button('Select all 3 that match').click();
    await page.getByText('3 services selected').waitFor();
    await button('Disable').click();
    const dialog = page.getByRole('dialog', { name: 'Disable services' });
    await dialog.getByText('3 of 3 would be disabled').waitFor();
    expect((await program.api.get('/services/shop-1')).body.enabled).toBe(true);
    await dialog.getByRole('button', { name: 'Disable 3' }).click();
    await dialog.getByText('3 of 3 are disabled').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    expect((await program.api.get('/services/counts?enabled=false')).body.total).toBe(3);

    await page.goto('/services');
    for (const name of ['shop-3', 'failing']) await page.getByLabel(`Select ${name}`).check();
    await button('Delete').click();
    const deleting = page.getByRole('dialog', { name: 'Delete services' });
    // Another depends on it.
    await deleting.getByRole('list', { name: 'What fails' }).getByText('failing').waitFor();
    await deleting.getByRole('button', { name: 'Delete 1' }).click();
    await deleting.getByText('1 of 2 are deleted').waitFor();
    await deleting.getByRole('button', { name: 'Close' }).last().click();

    await page.goto('/services?enabled=false');
    await button('Save this view').click();
    await page.getByRole('dialog').getByLabel('Name').fill('Put to sleep');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.goto('/services');
    await page.getByRole('link', { name: 'Put to sleep' }).click();
    await page.waitForURL('**/services?enabled=false');
    await page.getByText('2 of 2 shown').waitFor();
  }, 60_000);

  it('imports by its plan, and says where a document is wrong', async () => {
    await page.goto('/import');
    await page.getByLabel('Document').fill('monscale: 1\nactions:\n  - name: "a: b"\n    type: log_messag\n');
    await button('Show the plan').click();
    await page.getByText('/actions/0/type').first().waitFor();
    await page
      .getByLabel('Document')
      .fill(
        'monscale: 1\nactions:\n  - name: "a: b"\n    type: log_message\n    params: { message: hello }\n',
      );
    await button('Show the plan').click();
    await page.getByRole('row', { name: /a: b action created/ }).waitFor();
    expect((await program.api.get('/actions/a%3A%20b')).status).toBe(404);
    await button('Import 1 definition').click();
    await page.getByText('It is imported').waitFor();
    expect((await program.api.get('/actions/a%3A%20b')).status).toBe(200);
  }, 60_000);

  it('makes a user, a grant and a token, and the audit tells of it', async () => {
    await page.goto('/people');
    await page.getByRole('link', { name: 'New user' }).click();
    await page.getByLabel('Username').fill('vera');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await save();
    await page.getByRole('link', { name: 'vera', exact: true }).waitFor();
    await button('New grant').click();
    const grant = page.getByRole('dialog', { name: 'New grant' });
    await grant.getByLabel('A user', { exact: true }).fill('vera');
    await grant.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /user vera viewer for everything/ }).waitFor();
    await button('New token').click();
    const token = page.getByRole('dialog', { name: 'New token' });
    await token.getByLabel('Name', { exact: true }).first().fill('deploy');
    await token.getByRole('button', { name: 'Save' }).click();
    expect(await page.getByLabel('Token of deploy', { exact: true }).textContent()).toMatch(/^msc_/);
    await page.goto('/audit?object=user:vera');
    await page.getByRole('row', { name: /anna .*create user vera/ }).waitFor();
    await page.goto('/system');
    await page.getByRole('row', { name: /database Up/ }).waitFor();
  }, 60_000);

  it('offers a reader nothing that is not theirs', async () => {
    const other = await Window.open(browser, program.url);
    await other.page.goto('/login');
    await signIn(other.page, 'vera', PASSWORD);
    await other.page.waitForURL(`${program.url}/`);
    for (const path of [
      '/people',
      '/audit',
      '/sources/new',
      '/contacts/new',
      '/actions/new',
      '/people/anna',
    ]) {
      await other.page.goto(path);
      await other.page.getByRole('heading', { level: 1, name: 'You may not see this' }).waitFor();
    }
    for (const [path, name] of [
      ['/actions', 'New action'],
      ['/executions?status=failed', 'Retry all'],
      ['/sources', 'New source'],
      ['/contacts', 'New contact'],
      ['/contacts/on call', 'Delete'],
      ['/infrastructures/web', 'Edit'],
      ['/services/demo', 'Edit'],
      ['/services/demo', 'Disable'],
      ['/services', 'Stop everything'],
    ] as const) {
      await other.page.goto(path);
      await other.page.getByRole('heading', { level: 1 }).waitFor();
      expect([path, await other.page.getByText(name, { exact: true }).count()]).toEqual([path, 0]);
    }
    await other.context.close();
  }, 60_000);
});
