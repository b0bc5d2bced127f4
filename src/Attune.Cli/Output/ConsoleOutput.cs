#pragma warning disable RS0030 // the one place that touches Console
using System.Text;
using Attune.Runs;

namespace Attune.Cli.Output;

/// <summary>
/// Everything the program says and is told: results go to standard output, progress, warnings and errors to standard error, so that
/// <c>attune … &gt; file</c> holds results alone.
/// </summary>
internal sealed class ConsoleOutput(TextWriter result, TextWriter log, bool isTerminal, TextReader input, bool canAsk = false) : IDisposable
{
    private const int WidthWithoutTerminal = 160;

    /// <summary>The real one, without what Console's own writers cost at start.</summary>
    public static ConsoleOutput Standard()
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new(
            new StreamWriter(Console.OpenStandardOutput(), utf8, bufferSize: 1 << 14),
            new StreamWriter(Console.OpenStandardError(), utf8) { AutoFlush = true },
            isTerminal: !Console.IsErrorRedirected,
            new LazyInput(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true)),
            canAsk: !Console.IsErrorRedirected && !Console.IsInputRedirected);
    }

    /// <summary>Standard output.</summary>
    public TextWriter Result { get; } = result;

    /// <summary>Standard error.</summary>
    public TextWriter Log { get; } = log;

    /// <summary>Standard input.</summary>
    public TextReader Input { get; } = input;

    /// <summary>All of standard input.</summary>
    /// <exception cref="InputException">It is not UTF-8.</exception>
    public string ReadInput()
    {
        try
        {
            return Input.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            var bytes = string.Concat((e.BytesUnknown ?? []).Select(b => $" 0x{b:X2}"));
            throw InputException.One("Standard input", $"holds bytes{bytes}, which are not UTF-8", "UTF-8 text", "convert it to UTF-8");
        }
    }

    /// <summary>Whether somebody watches standard error live.</summary>
    public bool IsTerminal { get; } = isTerminal;

    /// <summary>Whether a person is there to answer a question.</summary>
    public bool CanAsk { get; } = canAsk;

    /// <summary>Asks a question whose usual answer is yes.</summary>
    public bool Ask(string question)
    {
        Log.Write(question);
        return (Input.ReadLine() ?? "n").Trim().ToLowerInvariant() is "" or "y" or "yes";
    }

    /// <summary>A line of the result.</summary>
    public void Line(string text) => Write(text + "\n");

    /// <summary>The result as one JSON document.</summary>
    public void Json<T>(T document) => Write(ResultFile.Json(document) + "\n");

    /// <summary>The result as a table.</summary>
    public void Table(TextTable table) => Write(table.Render(Width()));

    /// <summary>A line beside the result.</summary>
    public void Note(string text) => Log.Write(text + "\n");

    /// <summary>A sink that shows progress on standard error.</summary>
    public ConsoleProgress Progress(TimeProvider time) => new(Log, IsTerminal, Width, time);

    /// <summary>Hands the result on; until then some of it may be held back.</summary>
    /// <exception cref="RunFailedException">Standard output takes no more.</exception>
    public void Flush() => Tell(Result.Flush);

    public void Dispose()
    {
        try
        {
            Result.Flush();
            Log.Flush();
        }
        catch (IOException)
        {
            // Flush has told of it; what comes here is on the way out of something else
        }
    }

    private void Write(string text) => Tell(() => Result.Write(text));

    private static void Tell(Action write)
    {
        try
        {
            write();
        }
        catch (IOException e)
        {
            throw new RunFailedException($"standard output could not be written: {e.Message.TrimEnd('.')}, expected a place with room; write the result elsewhere", e);
        }
    }

    private int Width()
    {
        if (!IsTerminal)
            return WidthWithoutTerminal;
        var width = Console.WindowWidth;
        return width > 0 ? width : WidthWithoutTerminal;
    }

    private sealed class LazyInput(Encoding encoding) : TextReader
    {
        private readonly Lazy<TextReader> _reader = new(() => new StreamReader(Console.OpenStandardInput(), encoding, detectEncodingFromByteOrderMarks: false)); // a mark would choose a reader that replaces what is not UTF-8

        public override int Peek() => _reader.Value.Peek();

        public override int Read() => _reader.Value.Read();

        public override int Read(char[] buffer, int index, int count) => _reader.Value.Read(buffer, index, count);

        public override string? ReadLine() => _reader.Value.ReadLine();

        public override string ReadToEnd() => _reader.Value.ReadToEnd();
    }
}
