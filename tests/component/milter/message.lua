-- One whole message; only the end is answered.
-- arrival QID1 <m1@x.example>
function must(failure, what)
	if failure ~= nil then
		error(what .. ": " .. failure)
	end
end

conn = mt.connect(socket, 40, 0.05)
if conn == nil then
	error("no connection")
end
must(mt.negotiate(conn, nil, nil, nil), "negotiate")
for _, option in ipairs({ SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOMAIL, SMFIP_NORCPT, SMFIP_NODATA,
    SMFIP_NOEOH, SMFIP_NOBODY, SMFIP_NOUNKNOWN, SMFIP_NR_HDR, SMFIP_HDR_LEADSPC }) do
	if not mt.test_option(conn, option) then
		error("not negotiated: " .. option)
	end
end
for _, action in ipairs({ SMFIF_ADDHDRS, SMFIF_CHGHDRS, SMFIF_CHGBODY, SMFIF_ADDRCPT,
    SMFIF_DELRCPT, SMFIF_QUARANTINE }) do
	if mt.test_action(conn, action) then
		error("asks for the right to change mail: " .. action)
	end
end
must(mt.header(conn, "Subject", " afternoon meeting"), "header")
must(mt.header(conn, "Message-ID", " <m1@x.example>"), "header")
must(mt.macro(conn, SMFIC_RCPT, "i", "QID1"), "macro")
must(mt.eom(conn), "eom")
if mt.getreply(conn) ~= SMFIR_ACCEPT then
	error("the end was answered with " .. mt.getreply(conn))
end
for _, change in ipairs({ MT_HDRADD, MT_HDRINSERT, MT_HDRCHANGE, MT_HDRDELETE, MT_BODYCHANGE,
    MT_QUARANTINE }) do
	if mt.eom_check(conn, change) then
		error("the message was changed: " .. change)
	end
end
mt.disconnect(conn)
