// Grafana's type of a dashboard, as JSON has it: an enumeration is one of its texts or numbers.

import type { Dashboard } from "./node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen";

type Json<T> = T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : T;

// The test puts the dashboard's file here.
export const dashboard: Json<Dashboard> =
