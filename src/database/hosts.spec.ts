import { urlsOf } from './hosts';

test.each([
  ['postgres://u:p@one/db', ['postgres://u:p@one/db']],
  ['postgres://u:p@one:1,two:2/db', ['postgres://u:p@one:1/db', 'postgres://u:p@two:2/db']],
  [
    'postgresql://u:a,b@one,[::1]:5433/db?sslmode=require&target_session_attrs=read-write',
    ['postgresql://u:a,b@one/db?sslmode=require', 'postgresql://u:a,b@[::1]:5433/db?sslmode=require'],
  ],
  ['postgres://one,two', ['postgres://one', 'postgres://two']],
  ['postgres://one,two/db?target_session_attrs=any', ['postgres://one/db', 'postgres://two/db']],
])('%s', (url, urls) => {
  expect(urlsOf(url)).toEqual(urls);
});
