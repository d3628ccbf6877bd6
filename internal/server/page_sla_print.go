package server

import (
	"html/template"
	"net/http"
	"unicode/utf8"
)

// printedReport is a report as it is printed for a customer: with a title page, and without what
// belongs to the pages around it.
type printedReport struct {
	Customer    string
	Services    []string
	First, Last string // the days of the period
	Running     bool
	Fragment    template.HTML
}

// longestCustomer is how many characters a customer's name may have.
const longestCustomer = 120

// slaPrint is the report to be printed. ?customer= is the name on its title page.
func (s *Server) slaPrint(reports Reports, services Services) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		words := s.pages.language(r)
		f, err := s.reportAsked(r, "html/"+words.lang)
		if err != nil {
			return err
		}
		customer := r.URL.Query().Get("customer")
		if utf8.RuneCountInString(customer) > longestCustomer {
			return &InvalidError{Fields: []FieldError{{"?customer", "is longer than 120 characters"}}}
		}
		body, err := s.reportHTML(r.Context(), reports, f, words)
		if err != nil {
			return err
		}
		all, err := services.ServiceList(r.Context())
		if err != nil {
			return err
		}
		begin, end := f.period.Bounds(s.options.Location)
		now := s.now()
		v := printedReport{
			Customer: customer, Running: !now.Before(begin) && now.Before(end),
			Fragment: template.HTML(body), // rendered by html/template
		}
		v.First, v.Last = f.period.Dates()
		for _, one := range all {
			if f.service == "" || f.service == one.Name {
				v.Services = append(v.Services, one.Name)
			}
		}
		return s.render(w, r, http.StatusOK, "slaprint", words.T("sla.title", words.period(f.period)), 0, by, v)
	}
}
