import { Button, List } from '@mantine/core';
import { AppLink } from '../../app/link';
import { useMay } from '../../app/rights';
import { Empty } from '../../parts/page';

/** What an empty installation teaches: the way to a first rule that acts. */
export function FirstRule() {
  const mayWrite = useMay('editor');
  return (
    <Empty title="Nothing is watched yet">
      <p>A rule takes three steps to its first action:</p>
      <List type="ordered" mb="md">
        <List.Item>
          <b>Say what is done.</b> An action calls a webhook, scales a deployment, tells a chat; the editor of
          a service can make one on the way.
        </List.Item>
        <List.Item>
          <b>Say what is watched.</b> A service has one or more metrics; each can be tried before it is saved.
        </List.Item>
        <List.Item>
          <b>Say when it is wrong.</b> A condition over the metrics, such as <code>jobs &gt; 100</code>, and
          how long it has to stay so.
        </List.Item>
      </List>
      {mayWrite ? (
        <Button component={AppLink} to="/services/new">
          New service
        </Button>
      ) : (
        <p>Someone with the right to write services can begin.</p>
      )}
    </Empty>
  );
}
