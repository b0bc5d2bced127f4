using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Runs;

namespace Attune.Models;

/// <summary>A model folder's JSON files: objects without doubled keys, written as Python's json module would with indentation and sorted keys.</summary>
internal static class JsonFile
{
    private const long LongestFile = 100_000_000;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <exception cref="InputException">The file is not there, cannot be read, or is no JSON object.</exception>
    public static JsonDocument Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > LongestFile } large)
                throw InputException.One(path, $"has {large.Length} bytes", $"at most {LongestFile}", "check that it is the right file");
            var document = JsonDocument.Parse(File.ReadAllBytes(path), Strict);
            JsonTexts.Check(document.RootElement);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            var kind = document.RootElement.ValueKind;
            document.Dispose();
            throw InputException.One(path, $"is a JSON {kind}", "an object", "download it again");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw InputException.One(path, "does not exist", "the file, as a model folder has it", "check the path, or download the file too");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(path, $"cannot be read ({e.Message.TrimEnd('.')})", "a readable file", "check the file's permissions");
        }
        catch (InvalidOperationException)
        {
            throw InputException.One(path, "holds text that is no Unicode: half of a surrogate pair", "text in UTF-8", "correct it or download it again");
        }
        catch (JsonException e)
        {
            throw InputException.One(path, $"is not valid JSON ({e.Message.TrimEnd('.')})", "an object with each key once", "correct it or download it again");
        }
    }

    /// <summary>Writes into a folder that is still to get its final name, which is why half a file does no harm.</summary>
    public static void Write(string path, JsonObject content)
    {
        var sorted = new JsonObject();
        foreach (var (key, value) in content.OrderBy(m => m.Key, StringComparer.Ordinal))
            sorted.Add(key, value?.DeepClone());
        File.WriteAllText(path, sorted.ToJsonString(Indented) + "\n");
    }
}
