using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Feedback;

namespace Attune.Storage.People;

/// <summary>What somebody wrote and others are shown: their texts and reasons in the payloads of tasks that came of them.</summary>
internal static class OwnWords
{
    private const string Removed = "[removed]";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // The fields that hold what people wrote: other words of a payload are the program's own, whatever somebody wrote.
    private static readonly string[] Written = ["text", "reasons", "prompt"];

    /// <summary>Puts "[removed]" in their place. The judgments themselves are redacted after this.</summary>
    public static async Task RemoveAsync(Transaction transaction, string personId)
    {
        foreach (var project in await transaction.QueryAsync<string>("SELECT DISTINCT project_id FROM judgments WHERE person_id = @personId AND outcome IN ('written', 'answered')", new { personId }).ConfigureAwait(false))
        {
            var own = (await transaction.QueryAsync<string>("SELECT content FROM judgments WHERE person_id = @personId AND project_id = @project", new { personId, project }).ConfigureAwait(false))
                .Select(Judgment.FromJson).SelectMany(judgment => new[] { judgment.Text, judgment.Reason }).OfType<string>().ToHashSet(StringComparer.Ordinal);
            if (own.Count == 0)
                continue;
            // Tasks that came of answers have a judgment as subject, or the messages of a tree.
            foreach (var (id, payload) in await transaction.QueryAsync<(string, string)>(
                "SELECT id, payload FROM tasks WHERE project_id = @project AND kind IN ('verify', 'fix', 'message', 'review', 'rank')", new { project }).ConfigureAwait(false))
            {
                var content = JsonNode.Parse(payload)!;
                if (Redact(content, "", own))
                    await transaction.ExecuteAsync("UPDATE tasks SET payload = @redacted WHERE id = @id", new { id, redacted = content.ToJsonString(Json) }).ConfigureAwait(false);
            }
        }
    }

    // Whether anything was one's own; every part is looked at, also after the first that was.
    private static bool Redact(JsonNode node, string key, HashSet<string> own)
    {
        if (node is JsonObject fields)
            return fields.ToList().Aggregate(false, (found, field) => (field.Value is not null && Redact(field.Value, field.Key, own)) || found);
        if (node is JsonArray items)
            return items.ToList().Aggregate(false, (found, item) => (item is not null && Redact(item, key, own)) || found);
        if (!Written.Contains(key) || node.GetValueKind() != JsonValueKind.String)
            return false;
        var text = node.GetValue<string>();
        var redacted = own.Contains(text) ? Removed : key == "prompt" ? own.Aggregate(text, InThread) : text;
        if (redacted == text)
            return false;
        node.ReplaceWith(redacted);
        return true;
    }

    // The prompt of a ranking of messages is the thread above them: "**Role:** text" after "**Role:** text".
    private static string InThread(string thread, string word)
    {
        var inside = thread.Replace($":** {word}\n\n**", $":** {Removed}\n\n**", StringComparison.Ordinal);
        return inside.EndsWith($":** {word}", StringComparison.Ordinal) ? inside[..^word.Length] + Removed : inside;
    }
}
