// The rules by which a device needs attention. Knows nothing of BioT or AWS.

const STATUSES = ["OK", "MINOR", "MAJOR", "CRITICAL"];

export function settingsFrom(environment) {
  const alertFrom = STATUSES.indexOf(environment.ALERT_FROM_STATUS ?? "MAJOR");
  if (alertFrom < 1) {
    throw new Error(`ALERT_FROM_STATUS must be MINOR, MAJOR or CRITICAL, not ${environment.ALERT_FROM_STATUS}`);
  }
  const lowBattery = Number(environment.LOW_BATTERY_PERCENT ?? "20");
  if (!(lowBattery >= 0 && lowBattery <= 100)) {
    throw new Error(`LOW_BATTERY_PERCENT must be 0 to 100, not ${environment.LOW_BATTERY_PERCENT}`);
  }
  return { alertFrom, lowBattery };
}

// Returns why a device needs attention now and did not before, so that an update without a change is not logged again.
export function newReasons(device, before, settings) {
  const known = new Set(reasonsOf(before, settings).map((reason) => reason.kind));
  return reasonsOf(device, settings).filter((reason) => !known.has(reason.kind));
}

function reasonsOf(device, { alertFrom, lowBattery }) {
  const reasons = [];
  const status = device?._operational?._status;
  if (STATUSES.indexOf(status) >= alertFrom) {
    reasons.push({ kind: `status ${status}`, message: device._operational._message });
  }
  const battery = device?.battery_level;
  if (typeof battery === "number" && battery < lowBattery) {
    reasons.push({ kind: "low battery", percent: battery });
  }
  return reasons;
}
