// What a certification says as a certificate (proofs/certificate): the claims, and all that ./snellen check needs to prove them again.
#pragma once

#include "bounds/result.hpp"
#include "proofs/certificate/certificate.hpp"

namespace snellen {

CertificateClaim certificate_claim(const Claim& claim);
Certificate certificate(const Certification& c);

}  // namespace snellen
