export { add, get, keys, put, swap } from "wasmarket:guest/kv@1.0.0";
export { delete as remove } from "wasmarket:guest/kv@1.0.0";
