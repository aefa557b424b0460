/**
 * The shapes the api speaks (docs at /docs), as far as the studio reads them.
 *
 * @typedef {"open"|"building"|"built"|"failed"} DatasetState
 * @typedef {"queued"|"running"|"pausing"|"paused"|"cancelling"|"cancelled"|"succeeded"|"failed"} RunState
 *
 * @typedef {object} Dataset
 * @property {string} id
 * @property {string} name
 * @property {DatasetState} state
 * @property {string} preset
 * @property {Record<string, unknown>} options
 * @property {string|null} digest
 * @property {number} files
 * @property {number} files_accepted
 * @property {number} files_refused
 * @property {number} files_done
 * @property {number} windows
 * @property {number} notes
 * @property {string|null} error
 * @property {string} created_at
 * @property {string|null} built_at
 *
 * @typedef {object} DatasetFile  One line of a dataset's report.
 * @property {string} name
 * @property {string} sha256
 * @property {number} size
 * @property {null|"accepted"|"refused"} verdict
 * @property {number|null} windows
 * @property {number|null} notes
 * @property {Record<string, number>} left_out
 * @property {string[]} warnings
 * @property {string|null} code
 * @property {number|null} offset
 * @property {string|null} reason
 *
 * @typedef {object} Uploaded
 * @property {number} added
 * @property {number} unchanged
 * @property {{name: string, reason: string}[]} [skipped]
 *
 * @typedef {object} Progress
 * @property {number|null} [fraction]  0..1
 * @property {number|null} [loss]
 * @property {number|null} [windows_per_second]
 * @property {number|null} [eta_seconds]
 *
 * @typedef {object} Run
 * @property {string} id
 * @property {string} dataset_id
 * @property {string} dataset_name
 * @property {string|null} dataset_digest
 * @property {string} family
 * @property {string} preset
 * @property {Record<string, unknown>} options
 * @property {number} seed
 * @property {string|null} model
 * @property {"cpu"|"gpu"} device
 * @property {RunState} state
 * @property {number} attempt
 * @property {number} step
 * @property {number} epoch
 * @property {Progress|null} progress
 * @property {string|null} error
 * @property {string} created_at
 * @property {string|null} started_at
 * @property {string|null} finished_at
 *
 * @typedef {object} MetricPoint
 * @property {number} step
 * @property {number} epoch
 * @property {number} attempt
 * @property {Record<string, number|null>} values
 *
 * @typedef {object} RunEvent
 * @property {number} id
 * @property {string} kind
 * @property {Record<string, any>} data
 * @property {string} created_at
 *
 * @typedef {object} Checkpoint
 * @property {number} step
 * @property {number} epoch
 * @property {number} attempt
 * @property {string} digest
 * @property {number} size
 * @property {string} generator_digest
 * @property {number} generator_size
 * @property {boolean} final
 * @property {string} created_at
 *
 * @typedef {object} Attempt
 * @property {number} attempt
 * @property {string} worker
 * @property {number} first_step
 * @property {string|null} outcome
 * @property {string|null} log_tail
 * @property {string} started_at
 *
 * @typedef {object} Plot
 * @property {string} name
 * @property {string} kind
 * @property {number} step
 * @property {string} media_type
 * @property {number} size
 * @property {string} url
 *
 * @typedef {object} Evaluation
 * @property {string} id
 * @property {"queued"|"running"|"succeeded"|"failed"} state
 * @property {number} samples
 * @property {number} seed
 * @property {Record<string, any>|null} report
 * @property {string|null} error
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} run_id
 * @property {string} checkpoint
 * @property {string} family
 * @property {string} preset
 * @property {string} dataset_id
 * @property {number} lowest_pitch
 * @property {number} step
 * @property {string} updated_at
 *
 * @typedef {object} Note  Times in steps, twelve to a quarter note.
 * @property {number} pitch
 * @property {number} start
 * @property {number} length
 *
 * @typedef {object} SampleWindow
 * @property {number} index
 * @property {Note[]} notes
 * @property {boolean} empty
 *
 * @typedef {object} Sample
 * @property {string} id
 * @property {string} model
 * @property {string} checkpoint
 * @property {string} family
 * @property {number} seed
 * @property {number} n
 * @property {{tempo: number}} options
 * @property {SampleWindow[]} windows
 *
 * @typedef {object} Place  What a view is given: where to draw, and until when.
 * @property {HTMLElement} root
 * @property {string[]} params  parts of the address
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal  aborted when the view is left
 *
 * @typedef {(place: Place) => Promise<void>} View
 */

export {};
