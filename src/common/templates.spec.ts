import { AT_ONCE, renderTemplate, templateProblem } from './templates';

const VARIABLES = { name: 'a "b" & c/d?\n', nodes: { desired: 3 }, none: null, list: [1, 'x'] };

describe('templates', () => {
  it.each([
    ['plain', 'plain'],
    ['{{ nodes.desired }} nodes', '3 nodes'],
    ['{{ name }}', VARIABLES.name],
    ['{{ nodes }}', '{"desired":3}'],
    ['[{{ none }}{{ unknown.too }}]', '[]'],
    ['{% if nodes.desired > 2 %}many{% endif %}', 'many'],
    ['{{ unknown | default: 1 }}', '1'],
  ])('as text %j gives %j', (template, output) =>
    expect(renderTemplate(template, 'text', VARIABLES)).toBe(output),
  );

  it('in JSON a value stays a value', () => {
    const output = renderTemplate(
      '{"name": "{{ name }}", "nodes": {{ nodes }}, "list": {{ list }}, "none": {{ none }}}',
      'json',
      VARIABLES,
    );
    expect(JSON.parse(output)).toEqual(VARIABLES);
  });

  it('in JSON nobody leaves the quotes', () => {
    const name = '", "admin": true, "x": "\\';
    expect(JSON.parse(renderTemplate('{"name": "{{ name }}"}', 'json', { name }))).toEqual({ name });
  });

  it.each(['{"labels": {{ labels | json }}}', '"{{name|json}}"', '{{ a | default: 1 | json }}'])(
    '%s writes JSON twice',
    (template) => {
      expect(templateProblem(template, 'json')).toMatch(/leave the filter json out/);
      expect(templateProblem(template, 'text')).toBeUndefined();
    },
  );

  it('in a URL nobody leaves their place', () => {
    const output = renderTemplate('https://h/{{ name }}?n={{ nodes.desired }}', 'url', {
      ...VARIABLES,
      name: '../a?b=c#d&e',
    });
    expect(output).toBe('https://h/..%2Fa%3Fb%3Dc%23d%26e?n=3');
  });

  it('a number is itself', () => expect(renderTemplate(7, 'json', {})).toBe('7'));

  it.each(['{{ a', '{% if %}', '{% nonsense %}', '{% if a %}'])('%j is no template', (text) => {
    expect(templateProblem(text, 'text')).toMatch(/^is not a valid template: /);
  });

  it.each(['', 'a', '{', '{"a": {"b": 1}}', '{{ a.b[0] | upcase }}'])('%j is one', (text) => {
    expect(templateProblem(text, 'json')).toBeUndefined();
  });

  it.each(["{% include '/etc/passwd' %}", "{% render 'package.json' %}", "{% layout 'package.json' %}"])(
    '%s reads no file',
    (text) => {
      expect(() => renderTemplate(text, 'text', {})).toThrow(/ENOENT/);
    },
  );

  it('sees own properties only', () => {
    expect(renderTemplate('{{ a.constructor }}{{ a.toString }}{{ a.__proto__ }}', 'text', { a: {} })).toBe(
      '',
    );
  });

  it('ends, whatever it is told to do', () => {
    const endless = '{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}';
    expect(() => renderTemplate(endless, 'text', {})).toThrow(/limit exceeded/);
  });

  it('is not given up for time that others have the processor', () => {
    const busy = {
      get machine() {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AT_ONCE.renderLimit * 2);
        return 'late';
      },
    };
    expect(renderTemplate('{{ busy.machine }}, {{ busy.machine }}', 'text', { busy })).toBe('late, late');
  });
});

test.each([
  ['a loop', '{% for i in (1..1000000000) %}x{% endfor %}'],
  ['loops in loops', '{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}'],
  ['a table', '{% tablerow i in (1..100000000) cols:1 %}x{% endtablerow %}'],
  [
    'a text that doubles',
    '{% assign x = "aaaaaaaaaa" %}{% for i in (1..40) %}{% assign x = x | append: x %}{% endfor %}',
  ],
  [
    'captures',
    '{% assign x = "aaaaaaaaaa" %}{% for i in (1..60) %}{% capture x %}{{x}}{{x}}{% endcapture %}{% endfor %}',
  ],
  [
    'replacements',
    '{% assign x = "aaaaaaaaaa" %}{% for i in (1..12) %}{% assign x = x | replace: "a", x %}{% endfor %}',
  ],
  ['widths of a date', '{{ 0 | date: "%1000000000d" }}'],
])('%s without end is given up', (_, template) => {
  expect(() => renderTemplate(template, 'text', {})).toThrow(/limit|length/);
});
