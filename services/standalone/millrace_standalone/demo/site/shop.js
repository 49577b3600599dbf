// The shop itself, and how it uses the tracker. Pages work without it, and without the tracker.
"use strict";

const { customer, currency } = document.currentScript.dataset;
const byId = (id) => document.getElementById(id);

/** What to call where the tracker is not there: nothing happens. */
const silent = new Proxy({}, { get: () => () => {} });
const analytics = window.AnalyticsTracker
  ? new AnalyticsTracker({ customerId: customer, flushInterval: 200 })
  : silent;
if (analytics === silent) byId("hears").textContent = "The tracker is not built: run `make tracker`, and start the server again.";

// The cart lives in this browser.
const cart = {
  lines: () => {
    try {
      return JSON.parse(localStorage.getItem("shop.cart")) ?? [];
    } catch {
      return [];
    }
  },
  keep(lines) {
    try {
      localStorage.setItem("shop.cart", JSON.stringify(lines));
    } catch {
      // no storage, no cart
    }
    cart.show();
  },
  add(product) {
    const lines = cart.lines();
    const line = lines.find((one) => one.sku === product.sku);
    if (line) line.quantity += 1;
    else lines.push({ ...product, quantity: 1 });
    cart.keep(lines);
  },
  total: () => Math.round(cart.lines().reduce((sum, line) => sum + line.price * line.quantity, 0) * 100) / 100,
  count: () => cart.lines().reduce((sum, line) => sum + line.quantity, 0),
  show() {
    byId("cart-count").textContent = cart.count();
    if (byId("total")) byId("total").textContent = cart.total().toFixed(2);
    byId("cart")?.replaceChildren(...cart.lines().map(row));
  },
};

function row(line) {
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "Remove";
  remove.addEventListener("click", () => {
    analytics.track("remove_from_cart", { sku: line.sku, category: line.category, price: line.price, quantity: line.quantity });
    cart.keep(cart.lines().filter((one) => one.sku !== line.sku));
  });
  const cells = [line.label, `${line.quantity} ×`, `${line.price.toFixed(2)} ${currency}`, remove].map((content) => {
    const cell = document.createElement("td");
    cell.append(content);
    return cell;
  });
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

for (const button of document.querySelectorAll("button.add")) {
  button.addEventListener("click", () => {
    const { trackSku: sku, trackCategory: category, trackPrice: price, label } = button.dataset;
    cart.add({ sku, category, price: Number(price), label });
  });
}

// Filters change the page without loading it: the tracker sees a navigation.
const filter = () => {
  const wanted = new URLSearchParams(location.search).get("category") ?? "all";
  for (const one of document.querySelectorAll(".products li")) one.hidden = wanted !== "all" && one.dataset.category !== wanted;
};
for (const link of document.querySelectorAll("a.filter")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", link.href);
    filter();
  });
}
addEventListener("popstate", filter);
filter();

if (byId("product")) {
  const { sku, category, price } = byId("product").dataset;
  analytics.track("product_view", { sku, category, price: Number(price) });
}

byId("checkout")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const lines = cart.lines();
  const order = `o_${crypto.getRandomValues(new Uint32Array(1))[0].toString(16)}`;
  analytics.formSubmit("checkout", { fields: [...form.keys()] });
  analytics.identify(form.get("account"));
  analytics.track("purchase", {
    order_id: order,
    amount: cart.total(),
    currency,
    quantity: cart.count(),
    payment: form.get("payment"),
    category: lines[0]?.category ?? "",
  });
  cart.keep([]);
  location.assign(`thanks#${order}`);
});
if (byId("order")) byId("order").textContent = location.hash.slice(1);

let isOut = false;
byId("opt").addEventListener("click", () => {
  isOut = !isOut;
  if (isOut) analytics.optOut();
  else analytics.optIn();
  byId("opt").textContent = isOut ? "Track me again" : "Do not track me";
});

// The live stream of this tenant, where the same address serves it.
const stream = new EventSource(`/events/stream/${customer}`);
stream.addEventListener("new_events", ({ data }) => {
  byId("hears").textContent = "Live:";
  for (const event of JSON.parse(data)) {
    const item = document.createElement("li");
    item.textContent = `${event.timestamp.slice(11, 19)} ${event.event_type} ${event.event_name === event.event_type ? "" : event.event_name}`;
    byId("live").prepend(item);
  }
  while (byId("live").children.length > 12) byId("live").lastChild.remove();
});
addEventListener("pagehide", () => stream.close());

cart.show();
