// plausible-tracker, the older package, as a page uses it.
import Plausible from 'plausible-tracker'

let plausible
export const begin = (api, key) => {
  plausible = Plausible({ domain: key, apiHost: api, trackLocalhost: true })
  plausible.trackPageview()
}
export const order = (number, note) => plausible.trackEvent('Order Completed', { props: { number, revenue: 12.5, note } })
