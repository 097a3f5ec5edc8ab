package sandbox

import "strings"

var (
	menNames = strings.Fields(`Adam Adrian Aleksander Andrzej Antoni Arkadiusz Artur Bartłomiej Bartosz Błażej
		Bogdan Bogusław Cezary Damian Daniel Dariusz Dawid Dominik Emil Filip Franciszek Grzegorz Henryk Hubert
		Igor Jacek Jakub Jan Janusz Jarosław Jędrzej Jerzy Józef Julian Kacper Kajetan Kamil Karol Konrad Krystian
		Krzysztof Lech Leon Łukasz Maciej Marcin Marek Mariusz Mateusz Michał Mieczysław Mikołaj Miłosz Norbert
		Oskar Patryk Paweł Piotr Przemysław Radosław Rafał Robert Roman Ryszard Sebastian Sławomir Stanisław Stefan
		Szymon Tadeusz Tomasz Tymoteusz Wiesław Wiktor Witold Władysław Włodzimierz Wojciech Zbigniew Zdzisław`)
	womenNames = strings.Fields(`Adrianna Agata Agnieszka Alicja Aleksandra Amelia Aneta Anita Anna Barbara Beata
		Bogumiła Bożena Czesława Dagmara Danuta Daria Dominika Dorota Edyta Elżbieta Emilia Ewa Ewelina Gabriela
		Grażyna Halina Hanna Helena Ilona Irena Iwona Izabela Jadwiga Jagoda Janina Joanna Jolanta Julia Justyna
		Kamila Karolina Katarzyna Kinga Klaudia Krystyna Laura Lena Lidia Lucyna Łucja Maja Magdalena Małgorzata
		Maria Marianna Marta Martyna Michalina Milena Monika Natalia Nikola Olga Oliwia Patrycja Paulina Renata
		Róża Sandra Stanisława Sylwia Teresa Urszula Wanda Weronika Wiesława Wioletta Zofia Zuzanna Żaneta`)
	// Surnames in -ski, -cki and -dzki end in -a for women.
	adjectiveNames = strings.Fields(`Kowalski Wiśniewski Lewandowski Kamiński Zieliński Szymański Dąbrowski
		Kozłowski Jankowski Wojciechowski Kwiatkowski Krawczyński Piotrowski Grabowski Pawłowski Michalski Zawadzki
		Jabłoński Wróblewski Dudziński Majewski Olszewski Jaworski Malinowski Pawlikowski Górski Rutkowski Sikorski
		Ostrowski Baranowski Szczepański Cieślicki Włodarczewski Sadowski Żółkiewski Gołębiewski Wysocki Sawicki
		Maciejewski Błaszczykowski Czarnecki Śląski Świątkowski Łukaszewski Chrzanowski Źrebiecki Ćwikliński`)
	otherSurnames = strings.Fields(`Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Kaczmarek Zając Król Wieczorek
		Wróbel Stępień Dudek Adamczyk Pawlak Sikora Walczak Baran Szewczyk Tomczyk Marciniak Błaszczyk Pietrzak
		Bąk Włodarczyk Kubiak Gajda Duda Szczęsny Gołąb Kołodziej Mróz Kaźmierczak Sobczak Brzęczyszczykiewicz
		Cieślak Wrona Urbaniak Kępa Gąsior Żak Śliwa Łuczak Ziółkowska-Nowak Świerczek Dziedzic Grześkowiak Jeż`)
)

// city is a place as the vendor's location field describes it.
type city struct{ name, region, county, postcode, lat, lon string }

var cities = []city{
	{"Warszawa", "mazowieckie", "Warszawa", "00-001", "52.2297", "21.0122"},
	{"Kraków", "małopolskie", "Kraków", "31-001", "50.0647", "19.9450"},
	{"Łódź", "łódzkie", "Łódź", "90-001", "51.7592", "19.4560"},
	{"Wrocław", "dolnośląskie", "Wrocław", "50-001", "51.1079", "17.0385"},
	{"Poznań", "wielkopolskie", "Poznań", "60-001", "52.4064", "16.9252"},
	{"Gdańsk", "pomorskie", "Gdańsk", "80-001", "54.3520", "18.6466"},
	{"Szczecin", "zachodniopomorskie", "Szczecin", "70-001", "53.4285", "14.5528"},
	{"Bydgoszcz", "kujawsko-pomorskie", "Bydgoszcz", "85-001", "53.1235", "18.0084"},
	{"Lublin", "lubelskie", "Lublin", "20-001", "51.2465", "22.5684"},
	{"Białystok", "podlaskie", "Białystok", "15-001", "53.1325", "23.1688"},
	{"Katowice", "śląskie", "Katowice", "40-001", "50.2649", "19.0238"},
	{"Rzeszów", "podkarpackie", "Rzeszów", "35-001", "50.0412", "21.9991"},
	{"Zielona Góra", "lubuskie", "Zielona Góra", "65-001", "51.9356", "15.5062"},
	{"Częstochowa", "śląskie", "Częstochowa", "42-200", "50.8118", "19.1203"},
	{"Świdnica", "dolnośląskie", "świdnicki", "58-100", "50.8449", "16.4889"},
	{"Żywiec", "śląskie", "żywiecki", "34-300", "49.6853", "19.1924"},
}

var companies = strings.Split("Bursztyn Systemy sp. z o.o.|Żuraw Logistyka S.A.|Wisła Data|Baltic Freight|Kotwica Bank|"+
	"Jantar Software|Złoty Kłos|Tatra Cloud|Śnieżka Medical|Bieszczady Energy|Odra Finance|Sowa & Wspólnicy|"+
	"Łąka Foods|Grunwald Retail|Syrenka Motors|Mazury Marine|Piast Ubezpieczenia|Krokus Pharma|Żubr Telecom|Halny Wind", "|")

// person is what a name says about somebody.
type person struct {
	first, last string
	woman       bool
}

func (d *dice) person() person {
	p := person{woman: d.permille(500)}
	first, last := pick(d, menNames), pick(d, adjectiveNames)
	if p.woman {
		first = pick(d, womenNames)
	}
	if d.permille(450) {
		last = pick(d, otherSurnames)
	} else if p.woman {
		last = strings.TrimSuffix(last, "i") + "a"
	}
	p.first, p.last = first, last
	return p
}

var plainLetters = strings.NewReplacer("ą", "a", "ć", "c", "ę", "e", "ł", "l", "ń", "n", "ó", "o", "ś", "s", "ź", "z", "ż", "z", " ", "")

// handle writes a name as it stands in addresses.
func (p person) handle(separator string) string {
	return plainLetters.Replace(strings.ToLower(p.first + separator + p.last))
}
