// Package list brings contacts from a file into a campaign: one reader of CSV
// and one importer, for the command line, the HTTP API and the console.
//
// # A file, row by row
//
//		CSV ─▶ Reader ─▶ Row ─▶ Import ─▶ batches of contacts ─▶ Adder (a store, or a Ringback elsewhere)
//		                           └────▶ Skip, for every row that was not added: line, code, reason
//
//	 1. [NewReader] looks at the first bytes (a spreadsheet, UTF-16, what
//	    separates the columns) and reads the names of the columns. What is wrong
//	    here is wrong with the file: an error, and nothing has been added.
//	 2. [Reader.Next] reads a row. What is wrong with a row is told with the row,
//	    and the next is read all the same.
//	 3. [Import.Run] reads numbers as the campaign's region has them, checks the
//	    variables and hands batches to the [Adder], one transaction each, while
//	    it reads the next.
//
// # Memory, and beginning again
//
// What is kept in memory is two batches, however long the file is. So that two
// rows name the same number is known by their lines only within a batch; beyond,
// the campaign has the number already, and that is what is said.
//
// A batch is added whole or not at all, and a campaign has a number once: an
// import that was cut short, by a kill -9 of either side or by a database that
// went away, is finished by running it again from the first line. What is there
// is passed over, no slower than it was added, so no place in the file is
// remembered, and none can be remembered wrongly.
package list
