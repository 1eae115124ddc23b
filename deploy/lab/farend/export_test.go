package farend

// Drain is what Close does before it closes its socket.
var Drain = drain
