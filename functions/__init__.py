"""What runs in Lambda. Imports point inward: metering -> adapters -> domain, never back.

Nothing here imports `infra`; `infra` names these modules as strings and may import
`functions.domain`.
"""
