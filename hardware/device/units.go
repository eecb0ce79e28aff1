package device

import "strings"

// unitNames maps what devices and Home Assistant call a unit to the SenML name (RFC 8428 section 12.1,
// RFC 8798), where there is one. degF has none and is kept as it is: values are never converted.
func unitNames(u string) (string, bool) {
	switch u {
	case "°C", "C", "℃", "Cel", "celsius", "Celsius", "degC":
		return "Cel", true
	case "°F", "F", "℉", "degF", "fahrenheit":
		return "degF", true
	case "K":
		return "K", true
	case "%RH", "%rH", "%rh", "RH%":
		return "%RH", true
	case "µg/m³", "μg/m³", "ug/m3", "µg/m3":
		return "ug/m3", true
	case "m³", "m3":
		return "m3", true
	case "L", "l":
		return "l", true
	case "Lux", "lux", "lx":
		return "lx", true
	case "bpm", "beat/min":
		return "beat/min", true
	case "Ω", "ohm", "Ohm":
		return "Ohm", true
	case "m/s²", "m/s2":
		return "m/s2", true
	case "%", "V", "mV", "A", "mA", "W", "kW", "Wh", "kWh", "VA", "var", "Hz", "hPa", "mbar", "Pa", "kPa", "mmHg", "inHg", "psi", "bar", "ppm", "ppb", "dB", "dBm",
		"m", "cm", "mm", "km", "m/s", "km/h", "s", "ms", "min", "h", "g", "kg", "B", "B/s", "lm", "J", "N", "pH", "S/m", "l/s", "mm/h", "deg", "°", "lqi":
		return u, true
	}
	return u, false
}

// units by the last word of a key. "%EL" is a battery's level, "%RH" relative humidity (RFC 8428).
func unitOfWord(w string) string {
	switch w {
	case "temperature", "temp", "tempc", "temperaturec", "dewpoint", "dew_point", "soil_temperature", "body_temperature":
		return "Cel"
	case "tempf", "temperaturef":
		return "degF"
	case "humidity", "hum", "rh", "soil_humidity":
		return "%RH"
	case "battery", "battery_level", "battery_percent", "batt", "batterylevel", "soc":
		return "%EL"
	case "voltage", "volt", "volts", "vbat", "battery_voltage", "vcc":
		return "V"
	case "current", "amps":
		return "A"
	case "power", "watts", "active_power", "activepower":
		return "W"
	case "apparentpower", "apparent_power":
		return "VA"
	case "reactivepower", "reactive_power":
		return "var"
	case "energy", "energy_kwh", "kwh":
		return "kWh"
	case "frequency", "freq":
		return "Hz"
	case "illuminance", "illuminance_lux", "lux", "light_level":
		return "lx"
	case "co2", "eco2", "carbondioxide", "carbon_dioxide", "formaldehyd":
		return "ppm"
	case "tvoc", "voc_ppb":
		return "ppb"
	case "pm25", "pm2_5", "pm2.5", "pm10", "pm1", "pm01":
		return "ug/m3"
	case "rssi", "signal_dbm", "wifi_rssi", "rssi_dbm":
		return "dBm"
	case "lat", "latitude":
		return "lat"
	case "lon", "lng", "longitude":
		return "lon"
	case "altitude", "elevation":
		return "m"
	case "speed", "wind_speed", "windspeed":
		return "m/s"
	case "uptime", "uptimesec", "uptime_s", "uptime_sec":
		return "s"
	case "heart_rate", "heartrate", "pulse", "hr", "bpm":
		return "beat/min"
	case "spo2", "oxygen_saturation", "sao2":
		return "%"
	case "ph":
		return "pH"
	case "noise", "sound_level", "spl":
		return "dB"
	case "weight":
		return "kg"
	}
	return ""
}

// inferUnit takes the unit of a value from its name and, where one word is used for several units,
// from its size. An unknown name has no unit: none is better than a wrong one.
func inferUnit(name string, v float64) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) > 24 {
		return ""
	}
	w := lower(name)
	u := unitOfWord(w)
	if u == "" {
		u = unitOfSuffix(w)
	}
	switch {
	case u == "" && (w == "pressure" || w == "press" || w == "baro" || w == "barometer"):
		return pressure(v)
	case u == "%EL" && v != float64(int64(v)) && v > 1 && v < 5: // a cell's volts under the name of its level
		return "V"
	case u == "%EL" && (v < 0 || v > 100), u == "dBm" && v > 0: // Tasmota's RSSI is a percentage
		return ""
	case u == "V" && v >= 1000: // Zigbee2MQTT and others give the cell's millivolts
		return "mV"
	}
	return u
}

func unitOfSuffix(w string) string {
	i := strings.LastIndexByte(w, '_')
	if i <= 0 {
		return ""
	}
	switch head, tail := w[:i], w[i+1:]; tail {
	case "c":
		if u := unitOfWord(head); u == "Cel" {
			return u
		}
	case "f":
		if unitOfWord(head) == "Cel" {
			return "degF"
		}
	case "temperature", "humidity", "battery", "voltage", "power", "illuminance", "co2":
		return unitOfWord(tail)
	case "hpa":
		return "hPa"
	case "mv":
		return "mV"
	case "ppm":
		return tail
	default:
		if strings.Trim(tail, "0123456789") == "" { // temperature_2
			return unitOfWord(head)
		}
	}
	return ""
}

func pressure(v float64) string {
	switch {
	case v >= 300 && v <= 1200:
		return "hPa"
	case v >= 30000 && v <= 120000:
		return "Pa"
	case v >= 30 && v <= 120:
		return "kPa"
	}
	return ""
}

// lower is strings.ToLower for ASCII without the allocation where nothing changes.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}
