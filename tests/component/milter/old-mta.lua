-- An MTA of old, which can leave out steps but expects an answer to each that it shows.
-- arrival QID1 <m1@x.example>
function go_on(failure, what)
	if failure ~= nil then
		error(what .. ": " .. failure)
	end
	if mt.getreply(conn) ~= SMFIR_CONTINUE then
		error(what .. " was answered with " .. mt.getreply(conn))
	end
end

conn = mt.connect(socket, 40, 0.05)
if mt.negotiate(conn, 2, 0, 0) ~= nil then
	error("negotiate")
end
for _, option in ipairs({ SMFIP_NR_HDR, SMFIP_HDR_LEADSPC, SMFIP_NODATA }) do
	if mt.test_option(conn, option) then
		error("negotiated, and not offered: " .. option)
	end
end
mt.macro(conn, SMFIC_RCPT, "i", "QID1")
go_on(mt.header(conn, "Message-ID", "<m1@x.example>"), "header")
go_on(mt.eoh(conn), "end of header")
if mt.eom(conn) ~= nil or mt.getreply(conn) ~= SMFIR_ACCEPT then
	error("the end was answered with " .. mt.getreply(conn))
end
mt.disconnect(conn)
