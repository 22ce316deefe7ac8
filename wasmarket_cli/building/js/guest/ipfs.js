export { get, put } from "wasmarket:guest/ipfs@1.0.0";
