export { get } from "wasmarket:guest/secret@1.0.0";
