using System.Text.Encodings.Web;
using System.Text.Json;
using Attune.Feedback;

namespace Attune.Storage.People;

/// <summary>What somebody wrote and others are shown: their texts and reasons in the payloads of tasks that came of them.</summary>
internal static class OwnWords
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Puts "[removed]" in their place. The judgments themselves are redacted after this.</summary>
    public static async Task RemoveAsync(Transaction transaction, string personId)
    {
        const string Removed = "\"[removed]\"";
        foreach (var project in await transaction.QueryAsync<string>("SELECT DISTINCT project_id FROM judgments WHERE person_id = @personId AND outcome IN ('written', 'answered')", new { personId }).ConfigureAwait(false))
        {
            var own = (await transaction.QueryAsync<string>("SELECT content FROM judgments WHERE person_id = @personId AND project_id = @project", new { personId, project }).ConfigureAwait(false))
                .Select(Judgment.FromJson).SelectMany(judgment => new[] { judgment.Text, judgment.Reason }).OfType<string>().Distinct(StringComparer.Ordinal)
                .Select(text => JsonSerializer.Serialize(text, Json)).ToList();
            if (own.Count == 0)
                continue;
            // Tasks that came of answers have a judgment as subject, or the messages of a tree.
            foreach (var (id, payload) in await transaction.QueryAsync<(string, string)>(
                "SELECT id, payload FROM tasks WHERE project_id = @project AND kind IN ('verify', 'fix', 'message', 'review', 'rank')", new { project }).ConfigureAwait(false))
            {
                var redacted = own.Aggregate(payload, (text, word) => text.Replace(word, Removed, StringComparison.Ordinal)
                    .Replace($":** {word[1..]}", ":** [removed]\"", StringComparison.Ordinal).Replace($":** {word[1..^1]}\\n\\n**", ":** [removed]\\n\\n**", StringComparison.Ordinal)); // a ranking's prompt is a thread
                if (redacted != payload)
                    await transaction.ExecuteAsync("UPDATE tasks SET payload = @redacted WHERE id = @id", new { id, redacted }).ConfigureAwait(false);
            }
        }
    }
}
