import { fitsIn } from './content-answer';

export default fitsIn;
