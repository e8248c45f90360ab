#!/bin/sh
# Makes what tls.test.ts needs anew: an authority, a certificate of it for localhost, and another authority. For tests only.
set -eu
cd "$(dirname "$0")"
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=$2" \
    -keyout "$1-key.pem" -out "$1.pem" -addext "keyUsage=critical,keyCertSign"
}
authority ca "Evertoken test authority"
authority other-ca "Another test authority"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout localhost-key.pem -out localhost.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n' > localhost.ext
openssl x509 -req -in localhost.csr -CA ca.pem -CAkey ca-key.pem -set_serial 1 -days 36500 -extfile localhost.ext -out localhost.pem
rm localhost.csr localhost.ext ca-key.pem other-ca-key.pem
