/** Time zones as the browser knows them, to be suggested: the server says what it takes. */
export const ZONES = Intl.supportedValuesOf("timeZone").map((value) => ({ value }));
