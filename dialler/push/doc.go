// Package push sends the results of a campaign to its webhook.
//
// # From an event to a receiver
//
//  1. What happens is written to the outbox in the transaction in which it
//     happens ([dialler.Message]).
//  2. The store puts messages in line for campaigns whose webhook is on
//     ([dialler.Deliveries.QueueDeliveries]).
//  3. A [Pusher] claims what is due, a few at a time and of each contact the
//     first only, writes the body by the webhook's mapping ([Render]), signs it
//     ([Sign]) and sends it ([Sender.Send]).
//  4. Any answer of 2xx, read to its end, is a delivery. Everything else is
//     tried again, later each time, and given up after a day ([Next]). What is
//     given up is a dead letter, which somebody can see and send again.
//
// # What is promised
//
// At least once: a process that dies between the receiver's answer and the
// store sends again, under the same webhook-id, as does a retry. In order per
// contact: nothing is sent while something earlier of the same contact waits.
// Nobody's trouble is anybody else's: a campaign has a few requests in flight,
// and only one once its receiver fails.
//
// # What is not asked
//
// The URL is an operator's, and the answer comes from anywhere. So a [Guard]
// looks at the address of every connection as it is made, when no name can
// change its mind any more; redirects are not followed; no proxy of the
// environment is used; and little is read, for a short time.
package push
