/** Types for functions of Wasmarket: numbers of a width, and functions that may fail. */
declare module "wasmarket-guest" {
  export type u8 = number;
  export type u16 = number;
  export type u32 = number;
  /** Exact up to 2^53, as every number here. */
  export type u64 = number;
  export type s8 = number;
  export type s16 = number;
  export type s32 = number;
  export type s64 = number;
  export type f32 = number;
  export type f64 = number;
  /** What a function returns that may fail: callers get `{"ok": value}` or, if it throws, `{"err": "why"}`. */
  export type Result<T> = T;
  export interface SiteRequest {
    method: string;
    path: string;
    query: string;
    headers: Record<string, string>;
    body: Uint8Array;
    text(): string;
    json(): any;
  }
  export interface SiteResponse {
    status?: number;
    headers?: Record<string, string>;
    body?: string | Uint8Array;
  }
}

declare module "wasmarket-guest/log" {
  export function error(text: string): void;
  export function warn(text: string): void;
  export function info(text: string): void;
  export function debug(text: string): void;
}

declare module "wasmarket-guest/call" {
  export function parameters(): Record<string, string>;
}

declare module "wasmarket-guest/kv" {
  /** Every function throws a text that says what is wrong. */
  export function get(key: string): Uint8Array | undefined;
  export function put(key: string, value: Uint8Array): void;
  export function remove(key: string): void;
  export function swap(key: string, expected: Uint8Array | undefined, value: Uint8Array): boolean;
  export function add(key: string, by: number): number;
  export function keys(prefix: string, after: string, limit: number): string[];
}

declare module "wasmarket-guest/secret" {
  /** A value that the developer sealed to the peers; throws for a name that the app does not list. */
  export function get(name: string): Uint8Array;
}

declare module "wasmarket-guest/ipfs" {
  export function get(cid: string): Uint8Array;
  export function put(data: Uint8Array): string;
}

declare module "wasmarket-guest/http" {
  export interface WebAnswer {
    status: number;
    url: string;
    headers: Record<string, string>;
    body: Uint8Array;
    text(): string;
    json(): any;
  }
  export interface Options {
    headers?: Record<string, string>;
    body?: string | Uint8Array;
    timeoutMs?: number;
    redirects?: number;
  }
  export function send(method: string, url: string, options?: Options): WebAnswer;
  export function get(url: string, options?: Options): WebAnswer;
  export function post(url: string, body: string | Uint8Array, options?: Options): WebAnswer;
}

declare module "wasmarket-guest/text" {
  export function encode(text: string): Uint8Array;
  export function decode(bytes: Uint8Array): string;
}
