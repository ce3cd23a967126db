/** Before `npm pack`, and for the image: builds what is out of date, so that a package has the program of its sources. */
import { setUp } from './setup.mjs';

await setUp();
