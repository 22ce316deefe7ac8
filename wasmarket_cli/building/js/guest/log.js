import { write } from "wasmarket:guest/log@1.0.0";

export const error = (text) => write("error", text);
export const warn = (text) => write("warn", text);
export const info = (text) => write("info", text);
export const debug = (text) => write("debug", text);
