package marketplace

import (
	"encoding/json"
	"strconv"
	"time"

	"guardian/internal/reason"
)

// Push is how a platform notifies the seller of an order, and which answers it accepts.
type Push struct {
	Topic string // the platform's name of the order's push
	// Build makes the unsigned push of an order; Platform.Sign returns the headers of the signature.
	// If Queue is set, it makes the message of the queue.
	Build   func(Order) Message
	Queue   string // the kind of queue, such as sqs; "" is HTTPS
	Answer  Receipt
	Digits  bool   // an order's ID is a number
	Paid    string // the platform's status of an order that is paid after it was new; "" if pushes have none
	Signed  bool   // a receiver can verify the sender
	Retries string // what the platform does if the answer is not accepted
	Lost    string // where the platform lists pushes that did not arrive; "" if nowhere
	Words   string // more notes
}

// Order is the order that a push is about.
type Order struct {
	ID       string
	Shop     string    // the seller's ID at the platform
	Site     string    // the country or marketplace, such as SG
	Delivery string    // the push's own ID, by which receivers detect repeats
	Event    string    // the ID of what happened, the same in every push of it; "": that of the push
	App      string    // app key, if pushes carry it
	Status   string    // in the platform's terms; "" means new
	At       time.Time // of the order and of the push

	// What is ordered, for platforms whose pushes contain it; zero values mean a made-up article.
	SKU      string
	Quantity int
	Price    string // of one, in Currency, such as 9.90
	Currency string // ISO 4217, such as USD
	Country  string // of the buyer, ISO 3166, such as US
}

// filled sets the made-up article where nothing is set.
func (o Order) filled() Order {
	o.SKU, o.Price, o.Currency = orElse(o.SKU, "guardian-synthetic"), orElse(o.Price, "0.01"), orElse(o.Currency, "USD")
	o.Quantity = max(o.Quantity, 1)
	return o
}

// total is the price of all; the price of one if that is no number.
func (o Order) total() string {
	price, err := strconv.ParseFloat(o.Price, 64)
	if err != nil || o.Quantity == 1 {
		return o.Price
	}
	return strconv.FormatFloat(price*float64(o.Quantity), 'f', 2, 64)
}

// Message is a push before it is signed.
type Message struct {
	Method  string
	Headers map[string]string
	Body    []byte
}

// Receipt says which answers to a push the platform accepts.
type Receipt struct {
	From, To int           // the status codes, inclusive; 0: there is none
	Empty    bool          // the body must be empty
	Within   time.Duration // from the first byte sent to the last one read; 0: not published
	Connect  time.Duration // to connect; 0: not published
}

// Missed returns why an answer is not accepted; none if it is. took is the time of the whole exchange.
func (r Receipt) Missed(status int, body []byte, took time.Duration) []reason.Reason {
	var why []reason.Reason
	if status < r.From || status > r.To {
		want := strconv.Itoa(r.From)
		if r.From != r.To {
			want += "–" + strconv.Itoa(r.To)
		}
		why = append(why, reason.New("push_status", "status", status, "want", want))
	}
	if r.Empty && len(body) > 0 {
		why = append(why, reason.New("push_body", "n", len(body)))
	}
	if r.Within > 0 && took > r.Within {
		why = append(why, reason.New("push_slow", "took", took, "limit", r.Within))
	}
	return why
}

// post makes a JSON push of a value, with its fields in the documented order.
func post(body any, headers map[string]string) Message {
	text, _ := json.Marshal(body) // plain structs of strings and numbers
	if headers == nil {
		headers = map[string]string{}
	}
	headers["Content-Type"] = "application/json"
	return Message{Method: "POST", Headers: headers, Body: text}
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
