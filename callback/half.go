package callback

// This file decides between morning and evening: which minutes of the day a
// time of day can mean.

// minutesOf returns the minutes of the day that c can mean beside part, the
// likeliest first.
func minutesOf(c clockval, id partID, user []part) (m [2]int, n int) {
	minute := int(c.minute)
	switch c.half {
	case halfExact, halfMidnight:
		return [2]int{minute}, 1
	case halfAM:
		if minute < 0 {
			minute += 12 * h
		}
		return [2]int{minute % (12 * h)}, 1
	case halfPM:
		if minute < 0 {
			minute += 12 * h
		}
		return [2]int{minute%(12*h) + 12*h}, 1
	}
	if minute < 0 {
		minute += 12 * h
	}
	am := minute % (12 * h)
	pm := am + 12*h
	if id != partNone && minute < 13*h {
		pt := partOf(id, user)
		switch pt.pm {
		case pmMorning:
			if am < 1*h || am >= 12*h { // 12 in the morning is noon
				return [2]int{pm}, 1
			}
			if id == partMorning || am >= 4*h {
				return [2]int{am}, 1
			}
			return [2]int{am, pm}, 1
		case pmNight:
			switch {
			case am < h:
				return [2]int{am + 24*h}, 1
			case am < 5*h:
				return [2]int{am + 24*h}, 1
			}
			return [2]int{pm}, 1
		default:
			lo, hi := int(pt.from), int(pt.to)
			away := func(x int) int {
				switch {
				case x < lo:
					return lo - x
				case x > hi:
					return x - hi
				}
				return 0
			}
			if away(am) < away(pm) {
				return [2]int{am, pm}, 1
			}
			return [2]int{pm, am}, 1
		}
	}
	for _, x := range [...]int{am, pm} {
		if x >= dayStart && x <= dayEnd {
			m[n] = x
			n++
		}
	}
	if n == 0 {
		m[0], n = pm, 1
	}
	return m, n
}

func partOf(id partID, user []part) part {
	if id >= partUser {
		return user[id-partUser]
	}
	return parts[id]
}

// pairOf is the span of two clock times, from which minute and how long.
func pairOf(c clocks, part, hiPart partID, user []part) (m [2]int, n, span int) {
	lo, nl := minutesOf(c.lo, part, user)
	hi, nh := minutesOf(c.hi, hiPart, user)
	if c.hi.half != halfUnsaid && c.lo.half == halfUnsaid && part == partNone {
		// "3 to 5 pm": the latest three before it
		h2 := hi[0]
		base := int(c.lo.minute+12*h) % (12 * h)
		best := -1
		for _, x := range [...]int{base, base + 12*h} {
			if x < h2 {
				best = x
			}
		}
		if best < 0 {
			return m, 0, 0
		}
		return [2]int{best}, 1, h2 - best
	}
	if c.lo.half != halfUnsaid && c.hi.half == halfUnsaid || nh == 1 && nl == 1 || part != partNone {
		base := (int(c.hi.minute) + 12*h) % (12 * h)
		for _, x := range [...]int{base, base + 12*h, base + 24*h} {
			if x > lo[0] {
				return [2]int{lo[0]}, 1, x - lo[0]
			}
		}
		return m, 0, 0
	}
	base := (int(c.hi.minute) + 12*h) % (12 * h)
	for k := 0; k < nl; k++ {
		for _, x := range [...]int{base, base + 12*h, base + 24*h} {
			if c.hi.half != halfUnsaid {
				x = hi[0]
			}
			if x > lo[k] {
				m[n] = lo[k]
				if n == 0 {
					span = x - lo[k]
				}
				n++
				break
			}
		}
	}
	return m, n, span
}
