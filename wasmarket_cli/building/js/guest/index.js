// Types alone: effectors are in "wasmarket-guest/kv" and its siblings, so that an app imports only
// those that it lists.
export {};
