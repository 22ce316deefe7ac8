import { get as getValue } from "wasmarket:guest/kv@1.0.0";

export { add, keys, put, swap } from "wasmarket:guest/kv@1.0.0";
export { delete as remove } from "wasmarket:guest/kv@1.0.0";

// QuickJS says null for what is not there, the types say undefined.
export const get = (key) => getValue(key) ?? undefined;
