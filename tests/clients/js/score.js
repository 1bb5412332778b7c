// Scores a company that is not stored, and prints why:
//   node score.js [HOST:PORT]

import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const definition = protoLoader.loadSync('assay/v1/scoring.proto', {
  includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
  keepCase: true, // field names as in proto/ and in the field paths of errors
  longs: Number, // points and head counts are far below 2^53
  defaults: true, // a zero arrives as 0, not as undefined
});
const { ScoringService } = grpc.loadPackageDefinition(definition).assay.v1;
const scoring = new ScoringService(process.argv[2] ?? '127.0.0.1:50051', grpc.credentials.createInsecure());

const lead = { company: { display_name: 'Acme', industry: 'heating', employees: 120 } };
const band = { min: 50, max: 500, points_hundredths: 1400 };
const profile = { display_name: 'Mid-market', size_bands: [band] };

scoring.ScoreLead({ inline: { lead }, inline_profile: profile }, (error, score) => {
  scoring.close();
  if (error) throw error;
  for (const entry of score.contributions) console.log(entry.points_hundredths / 100, entry.reason);
});
