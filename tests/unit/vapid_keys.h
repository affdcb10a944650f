/*
 * Throwaway keys for the tests: one P-256 pair in every form that OpenSSL writes, and what is no
 * VAPID key.  They guard nothing.
 */
#define PAIR_ID		"8c14ce711478311a"
#define PAIR_PUBLIC	"BDW-1M8Qy2dAGkiNX5zy96Hh1ZNorARkEW_LDPlKERO" \
			"hjOc68PztSpy28hbjU29CMSut9E3GXIteVpSPJAQKIAE"

static const char pem_sec1[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEILPEVvCGlnxArOITfA3BV+lWQzAGvc8SXJqFMtI+HDnjoAoGCCqGSM49\n"
    "AwEHoUQDQgAENb7UzxDLZ0AaSI1fnPL3oeHVk2isBGQRb8sM+UoRE6GM5zrw/O1K\n"
    "nLbyFuNTb0IxK630TcZci15WlI8kBAogAQ==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_sec1_params[] =
    "-----BEGIN EC PARAMETERS-----\n"
    "BggqhkjOPQMBBw==\n"
    "-----END EC PARAMETERS-----\n"
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEILPEVvCGlnxArOITfA3BV+lWQzAGvc8SXJqFMtI+HDnjoAoGCCqGSM49\n"
    "AwEHoUQDQgAENb7UzxDLZ0AaSI1fnPL3oeHVk2isBGQRb8sM+UoRE6GM5zrw/O1K\n"
    "nLbyFuNTb0IxK630TcZci15WlI8kBAogAQ==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_pkcs8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs8RW8IaWfECs4hN8\n"
    "DcFX6VZDMAa9zxJcmoUy0j4cOeOhRANCAAQ1vtTPEMtnQBpIjV+c8veh4dWTaKwE\n"
    "ZBFvywz5ShEToYznOvD87UqctvIW41NvQjErrfRNxlyLXlaUjyQECiAB\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_compressed[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MFcCAQEEILPEVvCGlnxArOITfA3BV+lWQzAGvc8SXJqFMtI+HDnjoAoGCCqGSM49\n"
    "AwEHoSQDIgADNb7UzxDLZ0AaSI1fnPL3oeHVk2isBGQRb8sM+UoRE6E=\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_no_public[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MDECAQEEILPEVvCGlnxArOITfA3BV+lWQzAGvc8SXJqFMtI+HDnjoAoGCCqGSM49\n"
    "AwEH\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_explicit[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MIIBaAIBAQQgs8RW8IaWfECs4hN8DcFX6VZDMAa9zxJcmoUy0j4cOeOggfowgfcC\n"
    "AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////\n"
    "MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr\n"
    "vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE\n"
    "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n"
    "K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8\n"
    "YyVRAgEBoUQDQgAENb7UzxDLZ0AaSI1fnPL3oeHVk2isBGQRb8sM+UoRE6GM5zrw\n"
    "/O1KnLbyFuNTb0IxK630TcZci15WlI8kBAogAQ==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_explicit8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
    "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
    "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
    "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
    "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
    "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgs8RW8IaWfECs\n"
    "4hN8DcFX6VZDMAa9zxJcmoUy0j4cOeOhRANCAAQ1vtTPEMtnQBpIjV+c8veh4dWT\n"
    "aKwEZBFvywz5ShEToYznOvD87UqctvIW41NvQjErrfRNxlyLXlaUjyQECiAB\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENb7UzxDLZ0AaSI1fnPL3oeHVk2is\n"
    "BGQRb8sM+UoRE6GM5zrw/O1KnLbyFuNTb0IxK630TcZci15WlI8kBAogAQ==\n"
    "-----END PUBLIC KEY-----\n";

static const char pem_encrypted[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,A0771481A197B9C956EAE08289AA2E7D\n"
    "\n"
    "u6X+v07PC1xiEN8j+jUNYhWZlIgZvGiIHa4P6vboOLDVRYg+cYTkQpoyLQjcIgNo\n"
    "EnVaIlBCVqo9oIQeUUPEAEjIskHlZDTJX7NHearRRb29edJrFlIR9igZu8ti6yU/\n"
    "RgqMhScB9nasos3NRXF/MSywpbttlDlHaZt6nfg3Lcg=\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_encrypted8[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjvHDJZwEKSCwICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBdj0cqj9Ldjza59LgYG+TAEgZCa\n"
    "CabeeRvmEtUuB5RXEMC1REtZ/b2g3Rr8/dAjnyfCM6VwRb4QennVMhbw5qnRdhLR\n"
    "YokkyaKsUou8k3jqnaAeU/aqB5y84/A2w7eSJJN4Fx6jCO2Y7pSKDe06mpoPfHb1\n"
    "q7LfncXHy5rdJEflvLAzHuyKtqUfsWbO/Ajqc5XFnSIxFi/HBns75bvX0XUc/qI=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

static const char pem_p384[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MIGkAgEBBDBM61fqOi44Le3sLxElm+AmzZwjwEHa1z3KwpfGlAdR0d225EHeKJHf\n"
    "wozpExnNOwmgBwYFK4EEACKhZANiAARdX58ec8EWzS7zv9uM8iEBbNL6E5rEm6cE\n"
    "w1PtQj2+oU10RDXRYKdO6D0ZzTssWwaTGFLcNx614r6uZ5KauErvjoXV7Gy3P2Ir\n"
    "jb30th+GJUC/xESd1wdjovMPPbkCQCA=\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_k256[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHQCAQEEIFx0jlk7ZBm88BT9YyFEbWFvr1h1I9u/YfuNJQOSU02noAcGBSuBBAAK\n"
    "oUQDQgAEUJOTZezAH3tWbo5EAtempkU6USMYcVC72FxrIMjL68ia0NOh1DRfr2VU\n"
    "5pTEJPjlLklRaTjymydCxuJoLImuCg==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char pem_ed25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIBJQpp/iUJMq6qe0jLPqjVwcs2DVkchZEuw9R2c7PV9b\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_rsa[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBANylT6EEpRh2/k/b\n"
    "TyvnsIXqxhkQvS9vWynb7N9aJocjtrfTWoRkWvpVtMZEgRlGNyzr70sm9dgI2xh7\n"
    "KMRqQn6sGyYWeufgdaQpE7uq8jlvDFsDb6A3yqsjOmlYXR4LBenhOeQbZoy1/EGj\n"
    "1AGJjYEQA95Nuq+jwMVF5PxjRN3VAgMBAAECgYA79UwjNFDsygEnkC/+fVJRwc+d\n"
    "JhhS2I7MXDANLcFEfeb8Ixn42hCC8GFUc28lgBgkQ+Td5jNuRlHLYERew4VXx4oa\n"
    "Qtynh/A5hvwYMwrM2YjRHiOlLINjXEzZw85PpN9IITmEL1rxNFT9ogYYLEH/6xTF\n"
    "GPSMdxowlCMfF1HlLQJBAPZwZR25ng1JTTQNPywPiiwSoK66TGXglxMods6sZhqb\n"
    "5SwTO9UV+cXURcYdrrMIgESao4daNG60oyyHApwIQjsCQQDlNL1r8O9e09Pe6HRt\n"
    "8ApSJUnSAIgZQzfROHw1tj8PJf886UkdmoYnrtzYWrXf/XJW79i6iYPhVXLzz2dS\n"
    "ac8vAkBR0v+/3uGbh7sajUtsVbyK5aR0X2b+bJO8yLKp7JP6QcjV2Y0EM0e7Z7/D\n"
    "CBf5Wdk87htd1ZWTLGcBYdJ7/EIBAkEAgEMNJRREv2oGjBzE2qiS/fkD4FKP1qM4\n"
    "3wme6Ge9zfpTZICfe8N3A0nlJ+VLFbc8fs3lGC3P8Q7iLvGHPiUb3QJBALm0G4H0\n"
    "ygonaICQe0hc/kbiRHYKamo7P/uEJnuauX7lFJysBjUPTTrEco3FhKpPeJbK4LAN\n"
    "imRa8LAIoAySWZ4=\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_mismatched[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEILPEVvCGlnxArOITfA3BV+lWQzAGvc8SXJqFMtI+HDnjoAoGCCqGSM49\n"
    "AwEHoUQDQgAEN+9RnHuFphIvHhrdt/bVAvcDicvQgKPIDxmhZReTbpH805ckAijg\n"
    "Xr5KOgYJx5ZkU5RUYmKJMkAG+uKnu2DMwA==\n"
    "-----END EC PRIVATE KEY-----\n";
