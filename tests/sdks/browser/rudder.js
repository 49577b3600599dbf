// @rudderstack/analytics-js as a page uses it: the build that loads nothing from elsewhere.
import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'

const analytics = new RudderAnalytics()
export const begin = (api, key) => {
  analytics.load(key, api, { configUrl: api })
  analytics.page()
}
export const identify = () => analytics.identify('u1', { plan: 'pro' })
export const order = (number, note) => analytics.track('Order Completed', { number, revenue: 12.5, note })
