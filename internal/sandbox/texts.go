package sandbox

import "strings"

func lines(s string) []string {
	out := strings.Split(strings.TrimSpace(s), "\n")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

var (
	jobTitles = lines(`Programista Go
		Senior Java Developer
		Junior Frontend Developer (React)
		Tester manualny
		Tester automatyzujący
		Analityk biznesowo-systemowy
		Administrator systemów Linux
		DevOps Engineer
		Data Engineer
		Inżynier danych / ML
		Scrum Master
		Product Owner
		Architekt rozwiązań chmurowych
		Specjalista ds. cyberbezpieczeństwa
		Kierownik projektu IT
		UX/UI Designer
		Główna księgowa / Główny księgowy
		Specjalista ds. kadr i płac
		Przedstawiciel handlowy
		Key Account Manager
		Operator wózka widłowego
		Magazynier
		Elektromechanik utrzymania ruchu
		Inżynier procesu
		Pielęgniarka / Pielęgniarz
		Recepcjonistka
		Kierowca kat. C+E
		Specjalista ds. marketingu
		Doradca klienta – infolinia
		Kierownik sklepu`)
	jobTitlesEnglish = lines(`Go Developer
		Senior Java Developer
		Junior Frontend Developer (React)
		Manual Tester
		Test Automation Engineer
		Business Analyst
		Linux Administrator
		DevOps Engineer
		Data Engineer
		Data & ML Engineer
		Scrum Master
		Product Owner
		Cloud Solutions Architect
		Security Specialist
		IT Project Manager
		UX/UI Designer
		Chief Accountant
		HR & Payroll Specialist
		Sales Representative
		Key Account Manager
		Forklift Operator
		Warehouse Worker
		Maintenance Electrician
		Process Engineer
		Nurse
		Receptionist
		Lorry Driver C+E
		Marketing Specialist
		Customer Advisor
		Store Manager`)
	skills = strings.Split("Go|Java|Kotlin|Python|C++|C#|.NET|SQL|PostgreSQL|Oracle|React|Angular|TypeScript|Kubernetes|Docker|"+
		"AWS|Azure|GCP|Terraform|Linux|Kafka|Spark|Selenium|JMeter|Jira|SAP|Excel|Prawo jazdy kat. B|UDT|Photoshop", "|")
	tagNames = strings.Split("Go|Java|Senior|Junior|Mid|Zdalnie|Relokacja|Polecenie|VIP|Do kontaktu|Nie dzwonić|Stażysta|Kontraktor|B2B|UoP|"+
		"Angielski C1|Niemiecki B2|Lider|Były pracownik|Talent pool|Targi pracy|Konferencja|Dostępny od zaraz|3 mies. wypowiedzenia|"+
		"Czarna lista|RODO do odnowienia|Łódź|Śląsk|Project Manager|QA", "|")
	// Tenants' lists do hold a label twice (seen).
	languages = strings.Split("Polski|Angielski|Niemiecki|Francuski|Hiszpański|Włoski|Portugalski|Czeski|Słowacki|Ukraiński|Białoruski|"+
		"Rosyjski|Szwedzki|Norweski|Duński|Holenderski|Węgierski|Rumuński|Turecki|Chiński|Japoński|Białoruski|Litewski", "|")
	countries = strings.Split("Polska|Albania|Argentyna|Armenia|Austria|Azerbejdżan|Białoruś|Brazylia|Bułgaria|Chorwacja|Czechy|Dania|"+
		"Egipt|Estonia|Finlandia|Francja|Grecja|Gruzja|Hiszpania|Holandia|Indie|Irlandia|Litwa|Islandia|Litwa|Łotwa|Mołdawia|"+
		"Niemcy|Norwegia|Portugalia|Rumunia|Słowacja|Słowenia|Szwajcaria|Szwecja|Turcja|Ukraina|Węgry|Wielka Brytania|Włochy", "|")
	experience     = []string{"Poniżej 2", "2-5", "5+"}
	education      = []string{"Wyższe", "Wyższe informatyczne", "Średnie", "Podstawowe"}
	rejectionNames = strings.Split("Po CV|Po rozmowie|Rezygnacja kandydata|Rezygnacja klienta|Zbyt wysokie oczekiwania|Brak kontaktu|"+
		"Inny kandydat|Brak doświadczenia", "|")
	rejectionNotes = []string{
		"Oczekiwania finansowe 20% ponad budżet.", "Klient: „za mało doświadczenia w chmurze”.",
		"Kandydat przyjął inną ofertę", "Zbyt długi okres wypowiedzenia (3 mies.)\nWrócić w Q3.",
	}
	noteTexts = []string{
		"Rozmowa bardzo dobra, polecam dalej.", "<p>Dostępność: <strong>od zaraz</strong>, stawka 130&nbsp;zł/h.</p>",
		"Nie odbiera telefonu – próba nr 2", "Prośba o kontakt po urlopie.\nOddzwonić w poniedziałek.", "<p>Zna Go &amp; Rust, chce zdalnie.</p>",
		"Oczekiwania: 18–20 tys. zł brutto", "CV wysłane do klienta, czekamy na odpowiedź.",
	}
	departments = []string{"IT", "Finanse", "Sprzedaż", "Produkcja", "Logistyka", "HR"}
	branches    = []string{"IT - Rozwój oprogramowania", "IT - Administracja", "Finanse", "Sprzedaż", "Produkcja", "Transport"}
)

// advertText writes an HTML section of an advert, entities and all.
func advertText(d *dice, section, title, language string) string {
	item := func() string { return "<li>" + strings.ReplaceAll(pick(d, skills), "&", "&amp;") + "</li>" }
	list := "<ul>" + item() + item() + item() + "</ul>"
	if language == "en" {
		switch section {
		case "description":
			return "<p>We are looking for a <strong>" + escapeHTML(title) + "</strong> &ndash; join our team!</p>"
		case "requirements":
			return "<p>What we expect:</p>" + list
		case "responsibilities":
			return "<p>What you will do:</p>" + list
		}
		return "<ul><li>Flexible hours &amp; remote work</li><li>Medical&nbsp;care</li></ul>"
	}
	switch section {
	case "description":
		return "<p>Szukamy osoby na stanowisko <strong>" + escapeHTML(title) + "</strong> &ndash; do&#322;&#261;cz do zespo&#322;u!</p>"
	case "requirements":
		return "<p>Czego oczekujemy:</p>" + list
	case "responsibilities":
		return "<p>Zakres obowiązków:</p>" + list
	}
	return "<ul><li>Elastyczny czas pracy &amp; praca zdalna</li><li>Opieka&nbsp;medyczna</li><li>Karta sportowa</li></ul>"
}

func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
