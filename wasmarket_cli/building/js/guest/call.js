import { parameters as list } from "wasmarket:guest/call@1.0.0";

export const parameters = () => Object.fromEntries(list());
