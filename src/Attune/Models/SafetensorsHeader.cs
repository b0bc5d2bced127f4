using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;
using Attune.Runs;
using Attune.Torch;
using Microsoft.Win32.SafeHandles;

namespace Attune.Models;

/// <summary>
/// The header of a safetensors file: 8 bytes of little-endian length, then JSON that maps names to element type, shape and place. Reading is
/// strict, as a file may come from anyone: nothing is allocated by a length that has not been checked, and the tensors have to tile the rest
/// of the file, so that no byte is read twice and none is hidden.
/// </summary>
internal sealed class SafetensorsHeader
{
    private const long LongestHeader = 100_000_000;
    private const string MetadataKey = "__metadata__";
    private const string Again = "the file is damaged: download it again";
    private const string CutOff = "the file was cut off: download it again";
    private const string Rewrite = "write the file again";

    private readonly string _path;
    private readonly List<Problem> _problems = [];
    private readonly HashSet<string> _names = [];
    private readonly List<SafetensorsEntry> _entries = [];
    private readonly Dictionary<string, string> _metadata = [];

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries => _entries;

    /// <summary>What the writer noted, for instance format = pt.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <exception cref="InputException">The file is not a whole and valid safetensors file; names every reason.</exception>
    public static SafetensorsHeader Read(string path, SafeFileHandle file)
    {
        var header = new SafetensorsHeader(path);
        var length = RandomAccess.GetLength(file);
        var json = header.ReadJson(file, length);
        header.Parse(json);
        header.Throw();
        header.Place(dataStart: 8 + json.Length, dataEnd: length);
        header.Throw();
        return header;
    }

    private byte[] ReadJson(SafeFileHandle file, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (fileLength < prefix.Length || RandomAccess.Read(file, prefix, 0) < prefix.Length)
            throw Refuse("", $"has {fileLength} bytes", "at least the 8 of the header's length", CutOff);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > LongestHeader)
            throw Refuse("header", $"is said to have {length} bytes", $"at most {LongestHeader}", "this is not safetensors, or damaged: download it again");
        if ((long)length > fileLength - prefix.Length)
            throw Refuse("header", $"is said to have {length} bytes, and {fileLength - prefix.Length} follow", "the whole header", CutOff);
        var json = new byte[length];
        SafetensorsFile.ReadExactly(_path, file, json, prefix.Length);
        if (!Utf8.IsValid(json))
            throw Refuse("header", "is not UTF-8", "JSON in UTF-8", Again);
        return json;
    }

    private void Parse(byte[] json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw Refuse("header", $"is a JSON {reader.TokenType}", "an object of tensors", Again);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                ParseMember(ref reader);
            reader.Read(); // throws where something follows the object
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: half a surrogate pair in a name
        {
            throw Refuse("header", $"is not valid JSON ({e.Message.TrimEnd('.')})", "an object of tensors", Again);
        }
    }

    private void ParseMember(ref Utf8JsonReader reader)
    {
        var name = reader.GetString()!;
        reader.Read();
        if (!_names.Add(name))
            _problems.Add(Problem.Of(name, "stands twice in the header", "each name once", Rewrite));
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _problems.Add(Problem.Of(name, $"is a JSON {reader.TokenType}", "an object with dtype, shape and data_offsets", Rewrite));
            reader.Skip();
        }
        else if (name == MetadataKey)
        {
            ParseMetadata(ref reader);
        }
        else if (ParseEntry(name, ref reader) is { } entry)
        {
            _entries.Add(entry);
        }
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                _problems.Add(Problem.Of($"{MetadataKey}.{key}", $"is a JSON {reader.TokenType}", "a string", Rewrite));
            else if (!_metadata.TryAdd(key, reader.GetString()!))
                _problems.Add(Problem.Of($"{MetadataKey}.{key}", "stands twice", "each key once", Rewrite));
            reader.Skip();
        }
    }

    /// <summary>An entry whose position is still relative to the first byte after the header; null after noting a problem.</summary>
    private SafetensorsEntry? ParseEntry(string name, ref Utf8JsonReader reader)
    {
        string? type = null;
        long[]? shape = null, offsets = null;
        var before = _problems.Count;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (key == "dtype" && type is null && reader.TokenType == JsonTokenType.String)
                type = reader.GetString();
            else if (key == "shape" && shape is null && reader.TokenType == JsonTokenType.StartArray)
                shape = ParseSizes(name, key, ref reader);
            else if (key == "data_offsets" && offsets is null && reader.TokenType == JsonTokenType.StartArray)
                offsets = ParseSizes(name, key, ref reader);
            else
            {
                var found = $"has '{key}' as a JSON {reader.TokenType}, unknown, twice or of the wrong kind";
                _problems.Add(Problem.Of(name, found, "dtype (string), shape and data_offsets (lists), each once", Rewrite));
            }


            reader.Skip();
        }

        if (_problems.Count > before)
            return null;
        return Checked(name, type, shape, offsets);
    }

    private SafetensorsEntry? Checked(string name, string? type, long[]? shape, long[]? offsets)
    {
        if (type is null || shape is null || offsets is not { Length: 2 })
        {
            _problems.Add(Problem.Of(name, "lacks dtype, shape or the two data_offsets", "all three", Rewrite));
            return null;
        }

        if (SafetensorsTypes.Find(type) is not { } dtype)
        {
            const string Fix = "convert the model to float32, float16 or bfloat16";
            _problems.Add(Problem.Of(name, $"has the element type {type}", $"one of {SafetensorsTypes.Known}", Fix));
            return null;
        }

        var bytes = SafetensorsTypes.ByteLength(dtype, shape);
        if (bytes is null || offsets[1] < offsets[0] || offsets[1] - offsets[0] != bytes)
        {
            var needed = bytes is { } n ? $"the {n} bytes" : "fewer bytes than 2^63";
            var found = $"has data_offsets {SafetensorsTypes.Print(offsets)}";
            _problems.Add(Problem.Of(name, found, $"{needed} of {type} {SafetensorsTypes.Print(shape)}", Again));
            return null;
        }

        return new(name, dtype, shape, offsets[0], bytes.Value);
    }

    private long[] ParseSizes(string name, string key, ref Utf8JsonReader reader)
    {
        var sizes = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var size) && size >= 0)
                sizes.Add(size);
            else
                _problems.Add(Problem.Of(name, $"has a {key} with something else than a number from 0 to 2^63", "whole numbers", Again));
            reader.Skip();
        }

        return [.. sizes];
    }

    /// <summary>Orders the tensors by place, makes places absolute, and checks that they tile the file from header to end.</summary>
    private void Place(long dataStart, long dataEnd)
    {
        _entries.Sort((a, b) => (a.Position, a.ByteLength).CompareTo((b.Position, b.ByteLength)));
        var next = 0L;
        for (var k = 0; k < _entries.Count; k++)
        {
            var entry = _entries[k];
            if (entry.Position != next)
            {
                var fault = entry.Position < next ? "overlaps the tensor before it" : "leaves a gap before it";
                _problems.Add(Problem.Of(entry.Name, $"starts at {entry.Position} and {fault}", $"{next}", Again));
            }

            next = entry.Position + entry.ByteLength;
            _entries[k] = entry with { Position = dataStart + entry.Position };
        }

        var bytes = dataEnd - dataStart;
        if (next > bytes)
            _problems.Add(Problem.Of("", $"has {bytes} bytes of tensors", $"{next}", CutOff));
        else if (next < bytes)
            _problems.Add(Problem.Of("", $"has {bytes - next} bytes after its last tensor", "none", Again));
    }

    private void Throw()
    {
        if (_problems.Count > 0)
            throw new InputException(_path, ProblemList.Shortened(_problems));
    }

    private InputException Refuse(string key, string found, string expected, string fix) =>
        new(_path, [Problem.Of(key, found, expected, fix)]);
}

/// <summary>Keeps a message readable when one cause makes hundreds of problems.</summary>
internal static class ProblemList
{
    private const int Most = 20;

    public static IReadOnlyList<Problem> Shortened(IReadOnlyList<Problem> problems) =>
        problems.Count <= Most ? problems : [.. problems.Take(Most), new Problem("…", $"and {problems.Count - Most} more like these")];
}
