// Package report writes what happened as tables: every attempt, callback or
// contact, of one campaign or all, as CSV or as an Excel workbook.
//
// A report is written while it is read, a page of the store at a time, so it
// takes the same memory however long it is, holds no transaction open, and its
// first line is there at once. What changes while it is written may be seen as
// it was or as it is; no row is left out and none comes twice.
//
// # What people open
//
// A spreadsheet takes a cell of a CSV file that begins with =, +, - or @ for a
// formula, and some of our cells are words of customers and of lists. So text
// that begins so gets an apostrophe in front, as OWASP advises ("CSV
// Injection"), which spreadsheets show as text. A phone number begins with +
// as well, and gets none: it is a + and digits, checked when it came in, which
// is no formula that does anything, and whoever reads the file by program
// wants it as it is. A workbook says of each cell what it is, so nothing in it
// is taken for a formula, and nothing gets an apostrophe.
package report
