/// Sorts words ascending by the bits from `lowBit` up to `highBit`, keeping the order of equals.
///
/// Least significant digit first, with digits of 8 bits, or 12 where there are enough words to pay
/// for the larger tables; insertion for a few words. The bits below `lowBit` and from `highBit` on
/// travel along, but for equal words these may come in another order. `scratch` holds at least as many words as `words`.
func radixSort<Word: FixedWidthInteger & UnsignedInteger>(
  _ words: UnsafeMutableBufferPointer<Word>, scratch: UnsafeMutableBufferPointer<Word>,
  digits tables: UnsafeMutableBufferPointer<UInt32>, lowBit: Int, highBit: Int
) {
  let count = words.count
  precondition(
    scratch.count >= count && tables.count >= 4_096, "the scratch space is too small")
  if count <= 24 {
    unsafe insertionSort(words, lowBit: lowBit, highBit: highBit)
    return
  }
  let widest = count > 2_048 ? 12 : 8
  let passes = (highBit - lowBit + widest - 1) / widest
  guard passes > 0 else { return }
  let width = (highBit - lowBit + passes - 1) / passes
  let mask = Word(1) << Word(width) - 1
  var source = unsafe words
  var target = unsafe UnsafeMutableBufferPointer(rebasing: scratch[0..<count])
  for pass in 0..<passes {
    let shift = Word(lowBit + pass * width)
    // Each digit is below `1 << width`, at most 4,096, which `tables` holds. A word's place is the
    // start of its digit's run plus the number of words of that digit before it, so places are
    // distinct and below `count`.
    for digit in 0...Int(mask) { unsafe tables[digit] = 0 }
    for index in 0..<count {
      unsafe tables[Int(truncatingIfNeeded: source[index] >> shift & mask)] &+= 1
    }
    var start: UInt32 = 0
    for digit in 0...Int(mask) {
      let length = unsafe tables[digit]
      unsafe tables[digit] = start
      start &+= length
    }
    for index in 0..<count {
      let word = unsafe source[index]
      let digit = Int(truncatingIfNeeded: word >> shift & mask)
      let place = unsafe tables[digit]
      unsafe tables[digit] = place &+ 1
      unsafe target[Int(place)] = word
    }
    unsafe swap(&source, &target)
  }
  if passes % 2 == 1 {
    for index in 0..<count { unsafe words[index] = unsafe scratch[index] }
  }
}

/// Sorts words ascending by the bits of a mask, keeping the order of equals, unless that takes more
/// than a number of moves.
///
/// - Returns: whether they are sorted; if not, they are the same words in another order.
func insertionSort<Word: FixedWidthInteger & UnsignedInteger>(
  _ words: UnsafeMutableBufferPointer<Word>, mask: Word, moves: Int
) -> Bool {
  var left = moves
  guard words.count > 1 else { return true }
  for index in 1..<words.count {
    let word = unsafe words[index]
    if unsafe words[index - 1] & mask <= word & mask { continue }
    var place = index
    while place > 0, unsafe words[place - 1] & mask > word & mask {
      unsafe words[place] = unsafe words[place - 1]
      place -= 1
    }
    unsafe words[place] = word
    left -= index - place
    if left < 0 { return false }
  }
  return true
}

/// Sorts a few words ascending by some of their bits, keeping the order of equals.
private func insertionSort<Word: FixedWidthInteger & UnsignedInteger>(
  _ words: UnsafeMutableBufferPointer<Word>, lowBit: Int, highBit: Int
) {
  let all = highBit >= Word.bitWidth ? Word.max : Word(1) << Word(highBit) - 1
  _ = unsafe insertionSort(words, mask: (all >> Word(lowBit)) << Word(lowBit), moves: .max)
}
