/** What to paste into a sender, by format. */
export interface Snippet {
  /** Place that the snippet belongs in. */
  where: string;
  text: string;
}

/**
 * @param origin address of this server as senders reach it, without a slash at the end
 * @param token of the source, or what stands in for it
 */
export function snippetsFor(format: string, origin: string, token: string): Snippet[] {
  const url = `${origin}/api/v1/alerts/${format}`;
  const host = origin.replace(/^https?:\/\//, '');
  const curl = (path: string, body: object): string =>
    `curl '${path}' -H 'Authorization: Bearer ${token}' \\\n  -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const example = { labels: { alertname: 'WebDown', instance: 'web-3' }, status: 'firing' };
  switch (format) {
    case 'alertmanager':
      return [
        {
          where: 'alertmanager.yml',
          text: `receivers:
  - name: monscale
    webhook_configs:
      - url: ${url}
        http_config: { authorization: { credentials: ${token} } }`,
        },
        {
          where: 'prometheus.yml, without an Alertmanager in between',
          text: `alerting:
  alertmanagers:
    - scheme: ${origin.startsWith('https:') ? 'https' : 'http'}
      static_configs: [{ targets: ['${host}'] }]
      authorization: { credentials: ${token} }`,
        },
      ];
    case 'grafana':
      return [
        {
          where: 'Grafana: Alerting, Contact points, a webhook',
          text: `URL: ${url}
HTTP method: POST
Authorization header, scheme: Bearer
Authorization header, credentials: ${token}`,
        },
      ];
    case 'sns':
      return [
        {
          where: 'AWS SNS: a subscription of the topic, protocol HTTPS, without raw message delivery',
          text: `aws sns subscribe --topic-arn <the topic> --protocol https \\
  --notification-endpoint '${url}?token=${token}'`,
        },
      ];
    case 'cloudevents':
      return [
        {
          where: 'a shell',
          text: `curl '${url}' -H 'Authorization: Bearer ${token}' \\
  -H 'Content-Type: application/cloudevents+json' -d '${JSON.stringify({
    specversion: '1.0',
    id: '1',
    source: '/shop/orders',
    type: 'com.example.queue.full',
    data: { waiting: 1200 },
  })}'`,
        },
      ];
    case 'pagerduty':
      return [
        {
          where: 'whatever sends to PagerDuty, with this as the URL of its events',
          text: curl(url, {
            routing_key: token,
            event_action: 'trigger',
            dedup_key: 'web-3/disk',
            payload: { summary: 'disk is full', source: 'web-3', severity: 'critical' },
          }),
        },
      ];
    case 'icinga':
      return [
        {
          where: 'whatever sends check results to Icinga: change the host',
          text: `curl -u any:${token} '${origin}/v1/actions/process-check-result' -d '${JSON.stringify({
            type: 'Service',
            filter: 'host.name=="web-1" && service.name=="ping"',
            exit_status: 2,
            plugin_output: 'PING CRITICAL - Packet loss = 100%',
          })}'`,
        },
      ];
    case 'zabbix':
      return [
        {
          where:
            'Zabbix: Alerts, Media types, the parameters of monscale’s (docs/alerts/zabbix-media-type.yaml)',
          text: `monscale_url: ${origin}\nmonscale_token: ${token}`,
        },
      ];
    case 'snmp':
      return [
        {
          where: 'a shell; devices are given the same address as their trap receiver, UDP',
          text: `snmptrap -v 2c -c <community> ${host.replace(/:\d+$/, '')}:<trap port> '' 1.3.6.1.6.3.1.1.5.3 ifIndex.2 i 2`,
        },
      ];
    case 'auto':
      return [
        { where: 'a shell, or any sender: its format is found by its shape', text: curl(url, example) },
      ];
    default:
      return [{ where: 'a shell', text: curl(`${origin}/api/v1/alerts`, example) }];
  }
}
