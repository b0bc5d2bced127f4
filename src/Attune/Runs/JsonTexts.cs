using System.Text.Json;

namespace Attune.Runs;

/// <summary>The texts of a JSON document, of which its reader does not know whether they are any before somebody asks.</summary>
public static class JsonTexts
{
    /// <summary>Reads every text and every name once.</summary>
    /// <exception cref="InvalidOperationException">One of them is no Unicode: half of a surrogate pair, or bytes that are not UTF-8.</exception>
    public static void Check(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                value.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                    Check(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    _ = member.Name;
                    Check(member.Value);
                }

                break;
        }
    }
}
