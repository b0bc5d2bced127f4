// The page that says that there is nothing to do: what waits is sent, and the last answer can still be taken back.
import { deliverWaiting, offerUndo, welcome } from './server.js';

welcome();
offerUndo();
deliverWaiting();
