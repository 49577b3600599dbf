// @segment/analytics-next as a page uses it.
import { AnalyticsBrowser } from '@segment/analytics-next'

let analytics
export const begin = (api, key) => {
  analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: api })
  analytics.page()
}
export const identify = () => void analytics.identify('u1', { plan: 'pro' })
export const order = (number, note) => void analytics.track('Order Completed', { number, revenue: 12.5, note })
