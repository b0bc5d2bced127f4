using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Arena;
using Attune.Storage.Leases;

namespace Attune.Storage.People;

/// <summary>
/// A person's right to their data: all of it as one JSON document, and erasure. What is erased is the person; the judgments stay under the pseudonym,
/// whose key, the row of <see cref="Identity"/>, is destroyed. Not here: backups and exports made before, which whoever keeps them has to erase.
/// </summary>
public sealed class PersonErasure
{
    private static readonly JsonSerializerOptions Readable = new(StorageJson.Options) { WriteIndented = true };

    private readonly Database _database;

    internal PersonErasure(Database database) => _database = database;

    /// <summary>Everything that is known about a person, as an indented JSON document; no hashes of passwords or tokens.</summary>
    /// <param name="personId">Of whom.</param>
    /// <param name="actorId">Who asks for it; null for the program itself.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="InputException">There is no such person.</exception>
    public async Task<string> ExportAsync(string personId, string? actorId, CancellationToken stop = default)
    {
        var document = await DocumentAsync(personId, stop).ConfigureAwait(false);
        await _database.WriteAsync(transaction => _database.Audit.RecordAsync(transaction, actorId, "person.export", personId), stop).ConfigureAwait(false);
        return document;
    }

    private Task<string> DocumentAsync(string personId, CancellationToken stop) => _database.ReadAsync(
        async transaction =>
        {
            async Task<JsonArray> Rows(string sql) =>
                [.. (await transaction.QueryAsync<object>(sql, new { personId }).ConfigureAwait(false)).Select(row => (JsonNode)Object((IDictionary<string, object?>)row))];
            if (await Rows("SELECT * FROM people WHERE id = @personId").ConfigureAwait(false) is not [{ } person])
                throw InputException.One($"Person {personId}", "is not there", "somebody of this installation", "check the id");
            var document = new JsonObject
            {
                ["person"] = person.DeepClone(),
                ["identity"] = await Rows("SELECT email, display_name FROM identities WHERE person_id = @personId").ConfigureAwait(false),
                ["languages"] = await Rows("SELECT language FROM person_languages WHERE person_id = @personId ORDER BY language").ConfigureAwait(false),
                ["skills"] = await Rows("SELECT skill, level FROM person_skills WHERE person_id = @personId ORDER BY skill").ConfigureAwait(false),
                ["memberships"] = await Rows("SELECT project_id, role, state, created_at FROM memberships WHERE person_id = @personId ORDER BY project_id").ConfigureAwait(false),
                ["keys"] = await Rows("SELECT name, scopes, created_at, expires_at, revoked_at FROM api_keys WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["sessions"] = await Rows("SELECT created_at, expires_at FROM sessions WHERE person_id = @personId ORDER BY created_at").ConfigureAwait(false),
                ["passwordResets"] = await Rows("SELECT created_at, expires_at, used_at FROM password_resets WHERE person_id = @personId ORDER BY created_at").ConfigureAwait(false),
                ["invitations"] = await Rows("SELECT role, project_id, email, created_at, used_at FROM invitations WHERE used_by = @personId ORDER BY id").ConfigureAwait(false),
                ["consents"] = await Rows("SELECT project_id, version, at FROM consents WHERE person_id = @personId ORDER BY project_id, version").ConfigureAwait(false),
                ["leases"] = await Rows("SELECT id, task_id, state, instruction_version, granted_at, expires_at, ended_at, reason FROM leases WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["drafts"] = await Rows("SELECT d.lease_id, d.content, d.saved_at FROM drafts d JOIN leases l ON l.id = d.lease_id WHERE l.person_id = @personId ORDER BY d.lease_id").ConfigureAwait(false),
                ["chatTurns"] = await Rows(
                    "SELECT t.lease_id, t.number, t.prompt, t.answers, t.chosen, t.strength, t.asked_at FROM chat_turns t JOIN leases l ON l.id = t.lease_id WHERE l.person_id = @personId ORDER BY t.lease_id, t.number").ConfigureAwait(false),
                ["notices"] = await Rows("SELECT project_id, kind, message, at, appeal, appealed_at, decision, decision_reason FROM notices WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["bans"] = await Rows("SELECT project_id, kind, begins_at, ends_at, lifted_at FROM bans WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["qualifications"] = await Rows("SELECT project_id, attempt, wanted, correct, passed, ended_at FROM qualifications WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["skillChanges"] = await Rows("SELECT skill, level, at FROM skill_changes WHERE person_id = @personId ORDER BY id").ConfigureAwait(false),
                ["standings"] = await Rows("SELECT project_id, skill, updated_at FROM standings WHERE person_id = @personId ORDER BY project_id").ConfigureAwait(false),
                ["ruleFirings"] = await Rows("SELECT project_id, version, at, content, overturned_at FROM rule_firings WHERE person_id = @personId ORDER BY project_id, id").ConfigureAwait(false),
                ["rejections"] = await Rows("SELECT r.judgment_id, r.at, r.lifted_at FROM rejections r JOIN judgments j ON j.id = r.judgment_id WHERE j.person_id = @personId ORDER BY r.judgment_id").ConfigureAwait(false),
                ["repeats"] = await Rows("SELECT task_id, first_lease_id, created_at FROM repeats WHERE person_id = @personId ORDER BY task_id").ConfigureAwait(false),
                ["messages"] = await Rows("SELECT id, tree_id, role, text, state, created_at FROM messages WHERE author_id = @personId ORDER BY id").ConfigureAwait(false),
                ["batchDecisions"] = await Rows("SELECT batch_id, kind, passed, reason, at FROM batch_decisions WHERE actor_id = @personId ORDER BY id").ConfigureAwait(false),
                ["appealsDecided"] = await Rows("SELECT project_id, decision, decision_reason, decided_at FROM notices WHERE decided_by = @personId ORDER BY id").ConfigureAwait(false),
                ["arena"] = await Rows("SELECT consent_version, consented_at, pools_since, excluded_at, excluded_reason, created_at FROM arena_voters WHERE person_id = @personId").ConfigureAwait(false),
                ["arenaTurns"] = await Rows(
                    "SELECT t.id AS talk_id, t.mode, n.number, n.prompt, n.answer_a, n.answer_b, n.asked_at FROM arena_turns n JOIN arena_talks t ON t.id = n.talk_id JOIN arena_voters v ON v.id = t.voter_id WHERE v.person_id = @personId ORDER BY t.id, n.number").ConfigureAwait(false),
                ["arenaVotes"] = await Rows("SELECT b.talk_id, b.choice, b.void_reason, b.given_at FROM arena_votes b JOIN arena_voters v ON v.id = b.voter_id WHERE v.person_id = @personId ORDER BY b.id").ConfigureAwait(false),
                ["arenaPrompts"] = await Rows("SELECT p.text, p.split, p.created_at FROM arena_prompts p JOIN arena_voters v ON v.id = p.voter_id WHERE v.person_id = @personId ORDER BY p.id").ConfigureAwait(false),
                ["acts"] = await Rows("SELECT at, act, subject_id, project_id, details FROM audit WHERE actor_id = @personId ORDER BY id").ConfigureAwait(false),
                ["judgments"] = new JsonArray([.. (await transaction.QueryAsync<string>(
                    "SELECT content FROM judgments WHERE person_id = @personId ORDER BY id", new { personId }).ConfigureAwait(false)).Select(content => JsonNode.Parse(content))]),
            };
            return document.ToJsonString(Readable) + "\n";
        }, stop);

    /// <summary>
    /// Erases a person: who they are, their sessions, keys, drafts, conversations that no judgment holds, languages, skills and running leases. Their judgments stay; with
    /// <paramref name="alsoTexts"/> what they wrote in their own words (comments, notes, reasons, written texts, what they said in conversations) goes too.
    /// </summary>
    /// <exception cref="InputException">There is no such person, or they are the last owner.</exception>
    public async Task EraseAsync(string personId, bool alsoTexts, string? actorId, CancellationToken stop = default)
    {
        await _database.WriteAsync(
            async transaction =>
            {
                if (await transaction.FirstAsync<Person>($"SELECT * FROM people WHERE id = @personId{transaction.Engine.ForUpdate}", new { personId }).ConfigureAwait(false) is null)
                    throw InputException.One($"Person {personId}", "is not there", "somebody of this installation", "check the id");
                await PersonStore.RequireAnotherOwnerAsync(transaction, personId).ConfigureAwait(false);
                await LeaseStore.ReleaseAllAsync(transaction, personId).ConfigureAwait(false);
                await ForgetAsync(transaction, personId).ConfigureAwait(false);
                if (alsoTexts)
                    await RedactAsync(transaction, personId).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId == personId ? null : actorId, "person.erase", personId, details: new { alsoTexts }).ConfigureAwait(false);
            }, stop).ConfigureAwait(false);
        await _database.Engine.ForgetAsync().ConfigureAwait(false);
    }

    private static async Task ForgetAsync(Transaction transaction, string personId)
    {
        var email = await transaction.FirstAsync<string>("SELECT email FROM identities WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
        if (email is not null)
            await transaction.ExecuteAsync("UPDATE invitations SET email = NULL WHERE email = @email", new { email }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM sign_in_failures").ConfigureAwait(false); // whose they are cannot be seen, as addresses are hashed there with networks
        await transaction.ExecuteAsync("UPDATE leases SET reason = NULL WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM drafts WHERE lease_id IN (SELECT id FROM leases WHERE person_id = @personId)", new { personId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM chat_turns WHERE lease_id IN (SELECT id FROM leases WHERE person_id = @personId)", new { personId }).ConfigureAwait(false); // judgments hold what counts
        if (await transaction.FirstAsync<string>("SELECT id FROM arena_voters WHERE person_id = @personId", new { personId }).ConfigureAwait(false) is { } voter)
            await ArenaStore.ForgetWordsAsync(transaction, voter).ConfigureAwait(false);
        foreach (var table in (string[])["identities", "sessions", "api_keys", "password_resets", "person_languages", "person_skills", "memberships", "standings", "consents"])
            await transaction.ExecuteAsync($"DELETE FROM {table} WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE people SET state = 'erased', role = 'annotator' WHERE id = @personId", new { personId }).ConfigureAwait(false);
    }

    private static async Task RedactAsync(Transaction transaction, string personId)
    {
        await OwnWords.RemoveAsync(transaction, personId).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE messages SET text = '[removed]' WHERE author_id = @personId", new { personId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE notices SET appeal = NULL WHERE person_id = @personId", new { personId }).ConfigureAwait(false);
        foreach (var (id, content) in await transaction.QueryAsync<(string, string)>("SELECT id, content FROM judgments WHERE person_id = @personId AND redacted_at IS NULL", new { personId }).ConfigureAwait(false))
        {
            var redacted = Judgment.FromJson(content).WithoutOwnWords().ToJson();
            await transaction.ExecuteAsync("UPDATE judgments SET content = @redacted, redacted_at = @Now WHERE id = @id", new { id, redacted, transaction.Now }).ConfigureAwait(false);
        }
    }

    private static JsonObject Object(IDictionary<string, object?> row) => new(row.Select(field => KeyValuePair.Create(field.Key, JsonValue.Create(field.Value switch
    {
        long time when field.Key.EndsWith("_at", StringComparison.Ordinal) || field.Key == "at" => Microseconds.At(time).ToString("O"),
        var value => value,
    }) as JsonNode)));
}
