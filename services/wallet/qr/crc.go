package qr

// checksum is CRC-16 as MPM 4.7.3 has it (polynomial 1021, from FFFF, neither mirrored nor inverted: what catalogues call
// CRC-16/CCITT-FALSE or IBM-3740), as four hexadecimal digits. It finds every change within 16 bits in a row, so every
// changed byte.
func checksum(text string) string {
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	const hex = "0123456789ABCDEF"
	return string([]byte{hex[crc>>12], hex[crc>>8&15], hex[crc>>4&15], hex[crc&15]})
}
