// What to do about a refusal, by its code in docs/reference/errors.md.

const REASONS: Readonly<Record<string, string>> = {
  invalid_json: "The body is not JSON: look at the quotes and commas of what is sent.",
  invalid_body: "A batch is an object with a list under events.",
  corrupt_body: "The body does not inflate: it says that it is compressed, and is not.",
  invalid_idempotency_key: "An Idempotency-Key has 1 to 255 printable characters.",
  idempotency_key_reused: "The same Idempotency-Key came with other events: use a new one for each batch.",
  batch_rejected: "With strict=1 one wrong event refuses its batch: the others have nothing wrong.",
  body_too_large: "More than 5 MiB: send smaller batches, or compress them.",
  inflated_too_large: "More than 20 MiB when inflated: send smaller batches.",
  too_many_events: "More than 10,000 events: send smaller batches.",
  unsupported_encoding: "Compress with gzip, deflate, br or zstd.",
  missing_customer_id: "Neither the event nor its key says whose it is.",
  foreign_tenant: "The event names another tenant than its key is of.",
  invalid_customer_id: "A tenant has 1 to 64 letters, digits, _ . and -.",
  missing_event_type: "Say what happened: event_type.",
  missing_identity: "Say who it was: one of visitor_id, user_id, session_id.",
  unknown_type: "The type is none of Segment's calls.",
  invalid_event: "A field has the wrong type, a number where a text belongs for example.",
  invalid_properties: "properties is an object.",
  invalid_context: "context is an object.",
  invalid_timestamp: "Write times like 2026-02-16T12:00:00Z, or as seconds or milliseconds.",
  timestamp_out_of_range: "The time is too far from now: look at the clock, and at seconds taken for milliseconds.",
  invalid_utf8: "Texts are UTF-8.",
  number_out_of_range: "A number that no 64-bit float holds: send it as a text.",
  too_deep: "Nested deeper than 32 levels.",
  key_too_long: "A key of an object is too long.",
  string_too_long: "A text is longer than its field may be.",
  event_too_large: "More than 256 KiB in one event: leave out what nobody asks about.",
  privacy_signal: "The browser asks not to be followed, and the settings of the tenant leave such events out.",
  tenant_rate_limited: "More events a minute than the tenant may send. The client may send them again later.",
  origin_not_allowed: "The write key is for pages of other origins: Settings, Keys.",
};

const OUTCOMES: Readonly<Record<string, string>> = {
  duplicate: "It came before, and is counted once: a client that sends again does no harm.",
  dead_letter: "The warehouse refuses it. It is kept: correct it under Dead letters.",
  limited: REASONS["tenant_rate_limited"]!,
};

export const meaningOf = (outcome: string, reason: string | undefined): string | undefined => REASONS[reason ?? ""] ?? OUTCOMES[outcome];
