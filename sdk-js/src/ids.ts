/** The first 13 characters of a UUIDv7 of this millisecond: ids compare as text in the order of time. */
export const idHead = (milliseconds: number): string => {
  const hex = milliseconds.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
};

/** A UUIDv7 (RFC 9562, 5.7) with 72 random bits. Millrace reads the event's time from it, and knows a retry by it. */
export const newId = (milliseconds: number): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
  return `${idHead(milliseconds)}-7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
};
