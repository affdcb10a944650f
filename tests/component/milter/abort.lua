-- RSET within a message, then a whole one; then the connection breaks within a third.
-- arrival QID2 <m2@x.example>
function must(failure, what)
	if failure ~= nil then
		error(what .. ": " .. failure)
	end
end

conn = mt.connect(socket, 40, 0.05)
must(mt.macro(conn, SMFIC_RCPT, "i", "QID1"), "macro")
must(mt.header(conn, "Message-ID", " <m1@x.example>"), "header")
must(mt.abort(conn), "abort")
must(mt.macro(conn, SMFIC_RCPT, "i", "QID2"), "macro")
must(mt.header(conn, "Message-ID", " <m2@x.example>"), "header")
must(mt.eom(conn), "eom")
if mt.getreply(conn) ~= SMFIR_ACCEPT then
	error("the end was answered with " .. mt.getreply(conn))
end
must(mt.header(conn, "Message-ID", " <m3@x.example>"), "header")
mt.disconnect(conn, false)
