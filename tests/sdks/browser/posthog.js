// posthog-js as a page uses it.
import posthog from 'posthog-js'

export const begin = (api, key) => posthog.init(key, { api_host: api })
export const identify = () => posthog.identify('u1', { plan: 'pro' })
export const order = (number, note) => posthog.capture('Order Completed', { number, revenue: 12.5, note })
