import { machinesIn } from './soap-machines';

export default machinesIn;
