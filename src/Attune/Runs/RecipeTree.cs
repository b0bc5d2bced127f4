using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Attune.Runs;

/// <summary>
/// A recipe as written, before it meets a type. Every node knows where it stands, so that problems can name the line.
/// YamlDotNet's own tree is not used because it stops at the first repeated key; here every problem is reported at once.
/// </summary>
/// <param name="where">"line 3", or the flag or preset that set the value.</param>
internal abstract class RecipeNode(string where)
{
    public string Where { get; } = where;

    /// <summary>The node in words, for "is ..., expected ...".</summary>
    public abstract string Describe();
}

internal sealed class RecipeScalar(string where, string text, bool quoted) : RecipeNode(where)
{
    public string Text { get; } = text;

    /// <summary>Whether it stands for "no value": nothing at all, <c>null</c> or <c>~</c>, without quotes.</summary>
    public bool IsNull { get; } = !quoted && text is "" or "~" or "null";

    public override string Describe() => IsNull ? "has no value" : quoted ? $"is \"{Text}\"" : $"is {Text}";
}

internal sealed class RecipeList(string where) : RecipeNode(where)
{
    public List<RecipeNode> Items { get; } = [];

    public override string Describe() => $"is a list of {Items.Count}";
}

internal sealed class RecipeMap(string where) : RecipeNode(where)
{
    public List<RecipeEntry> Entries { get; } = [];

    public override string Describe() => Entries.Count == 0 ? "is an empty section" : $"is a section ({string.Join(", ", Entries.Select(e => e.Key))})";

    public RecipeNode? Find(string key) => Entries.Find(e => e.Key == key)?.Value;

    public void Set(string key, RecipeNode value)
    {
        Entries.RemoveAll(e => e.Key == key);
        Entries.Add(new(key, value.Where, value));
    }
}

internal sealed record RecipeEntry(string Key, string Where, RecipeNode Value);

/// <summary>Reads YAML into a tree. Not here: tags, several documents, merge keys. An alias (<c>*name</c>) stands for the node it names.</summary>
internal static class RecipeTree
{
    /// <summary>The tree of one document, or null after adding to <paramref name="problems"/>.</summary>
    public static RecipeNode? Read(string yaml, List<Problem> problems, string? origin = null)
    {
        var parser = new Parser(new StringReader(yaml));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
                return null;
            parser.Consume<DocumentStart>();
            var root = new Reader(parser, origin).Node();
            parser.Consume<DocumentEnd>();
            if (!parser.Accept<StreamEnd>(out _))
                problems.Add(Problem.Of("", "has a second document (---)", "one", "split the file"));
            return root;
        }
        catch (YamlException e)
        {
            problems.Add(new($"line {e.Start.Line}, column {e.Start.Column}", $"is not YAML: {Reason(e)}; expected lines of \"key: value\""));
            return null;
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet 16.3's scanner gives up this way on some unclosed brackets, without saying where.
            problems.Add(new($"line {parser.Current?.End.Line ?? 1}", "is not YAML from here on; expected every [ { and \" to be closed; close it"));
            return null;
        }
    }

    private static string Reason(YamlException e) => e.Message.Split(": ", 2).Last().TrimEnd('.');

    private sealed class Reader(Parser parser, string? origin)
    {
        private const int MostNested = 64; // no recipe needs a tenth of it; text from elsewhere could exhaust the stack

        private readonly Dictionary<AnchorName, RecipeNode> _anchors = [];
        private int _depth;

        public RecipeNode Node()
        {
            _depth++;
            var node = Node(parser.Consume<ParsingEvent>());
            _depth--;
            return node;
        }

        private RecipeNode Node(ParsingEvent here)
        {
            switch (here)
            {
                case SequenceStart or MappingStart when _depth > MostNested:
                    throw new YamlException(here.Start, here.End, $"is nested more than {MostNested} deep");
                case Scalar scalar:
                    return Named(scalar, new RecipeScalar(Where(scalar), scalar.Value, scalar.Style is not ScalarStyle.Plain and not ScalarStyle.Any));
                case SequenceStart start:
                    var list = new RecipeList(Where(start));
                    while (!parser.TryConsume<SequenceEnd>(out _))
                        list.Items.Add(Node());
                    return Named(start, list);
                case MappingStart start:
                    var map = new RecipeMap(Where(start));
                    while (!parser.TryConsume<MappingEnd>(out _))
                    {
                        var key = parser.Consume<Scalar>();
                        map.Entries.Add(new(key.Value, Where(key), Node()));
                    }
                    return Named(start, map);
                case AnchorAlias alias:
                    return _anchors.TryGetValue(alias.Value, out var node)
                        ? node
                        : throw new YamlException(alias.Start, alias.End, $"nothing is named &{alias.Value} above this line");
                case var other:
                    throw new YamlException(other.Start, other.End, "a value was expected here");
            }
        }

        private string Where(ParsingEvent at) => origin ?? $"line {at.Start.Line}";

        private RecipeNode Named(NodeEvent at, RecipeNode node)
        {
            if (!at.Anchor.IsEmpty)
                _anchors[at.Anchor] = node;
            return node;
        }
    }
}
