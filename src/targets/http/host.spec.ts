import { hostIn } from './host';

it.each([
  ['https://hooks.example.com/scale?service={{ service.name }}', 'hooks.example.com'],
  ['HTTP://Hooks.example.com:8080', 'hooks.example.com:8080'],
  ['https://user:password@hooks.example.com/', 'hooks.example.com'],
  ['https://{{ service.labels.region }}.example.com/scale', undefined],
  ['https://hooks.example.com:{% if a %}1{% endif %}/', undefined],
  ['{{ service.labels.hook }}', undefined],
  ['ftp://hooks.example.com/', undefined],
  ['https://[bad/', undefined],
])('%s goes to %s', (url, host) => {
  expect(hostIn(url)).toBe(host);
});
